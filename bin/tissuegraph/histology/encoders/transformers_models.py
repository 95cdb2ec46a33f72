"""Vision models of transformers from a local directory, as `save_pretrained` or a download leaves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from tissuegraph.errors import SettingsError
from tissuegraph.histology.encoders.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    NetworkEncoder,
    Transform,
    require,
    require_weights,
)

_HUBS = {"phikon": "owkin/phikon", "phikon-v2": "owkin/phikon-v2"}
_RESAMPLE = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers, which the files hold


def load(name: str, weights: Path | None, device: str) -> NetworkEncoder:
    """Any vision model in a directory with config.json; see load_encoder."""
    hub = _HUBS.get(name)
    source = f"download {hub} from its model hub" if hub else "save the model with save_pretrained"
    path = require_weights(weights, name, source)
    if not (path / "config.json").is_file():
        raise SettingsError(
            f"encoder {name} needs a directory with config.json and the weights, got {path.name}; give the "
            f"whole downloaded directory"
        )
    transformers = require("transformers", name)
    try:
        model, missing = transformers.AutoModel.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception as error:  # a directory of another kind can fail in many ways
        raise SettingsError(f"{path.name} holds no model that transformers can load: {error}") from error
    model = getattr(model, "vision_model", model)
    _check_complete(missing, path)
    pool = pooled_output if model.config.model_type == "clip_vision_model" else class_token
    return NetworkEncoder(name, model, read_transform(path), device, pool)


def pooled_output(output: Any) -> Tensor:
    """The class token after the last normalisation (B, D), which for CLIP is part of the pooling."""
    return output.pooler_output


def class_token(output: Any) -> Tensor:
    """Class token of a transformer (B, T, D), mean over the plane of a convolutional net (B, D, h, w).

    The pooled output is not taken: where a checkpoint lacks the pooling layer, it is random.
    """
    last = output.last_hidden_state
    return last.mean((2, 3)) if last.ndim == 4 else last[:, 0]


def read_transform(path: Path) -> Transform:
    """Input of the model from preprocessor_config.json; ImageNet's at 224 pixels where there is none."""
    file = path / "preprocessor_config.json"
    if not file.is_file():
        return Transform()
    try:
        stored = json.loads(file.read_text())
        size = stored.get("crop_size") or stored.get("size") or 224
        if isinstance(size, dict):
            size = size.get("height") or size.get("shortest_edge")
        return Transform(
            int(size),
            tuple(stored.get("image_mean") or IMAGENET_MEAN),
            tuple(stored.get("image_std") or IMAGENET_STD),
            _RESAMPLE.get(stored.get("resample"), "bicubic"),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise SettingsError(f"{path.name}/{file.name} cannot be read ({error}); download it again") from error


def _check_complete(info: dict[str, Any], path: Path) -> None:
    """A layer without stored weights would stay random; only the unused pooling layer may."""
    lost = [name for name in info["missing_keys"] if "pooler" not in name]
    if lost:
        raise SettingsError(
            f"{path.name} lacks {len(lost)} entries of the model's weights, e.g. {lost[0]}; download it again"
        )
