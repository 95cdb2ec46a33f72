"""Vision models of transformers from a local directory, as `save_pretrained` or a download leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

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
# Kinds whose own pooling has trained weights, or is part of what they were trained for
_POOLED = {
    "altclip_vision_model", "chinese_clip_vision_model", "clip_vision_model", "dinov3_convnext",
    "siglip_vision_model",
}  # fmt: skip
_MEAN = {"donut-swin", "focalnet", "ijepa", "swin", "swinv2"}  # kinds that average their tokens, all patches
_RANDOM = {"vit_mae"}  # kinds that hide a random part of what they are shown
_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")  # their names as parameters
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
    if model.main_input_name != "pixel_values" or model.config.model_type in _RANDOM:
        what = (
            "hides part of each tile at random" if model.config.model_type in _RANDOM else "reads no images"
        )
        raise SettingsError(
            f"{path.name} holds a {model.config.model_type}, which {what}; expected a vision model such as "
            f"ViT, DINOv2, Swin, CLIP or ResNet"
        )
    return NetworkEncoder(name, model, read_transform(path), device, pooling(model))


def pooling(model: nn.Module) -> Callable[[Any], Tensor]:
    """How the output of a vision model of transformers becomes features (B, D), by its kind.

    Its pooled output for kinds whose pooling is trained; else the class token where the model has one, or
    the mean over all patches. The pooled output of other kinds is not taken: where a checkpoint lacks the
    pooling layer, it is random. The function raises SettingsError for a kind of which none of this is known.
    """
    kind = model.config.model_type
    if kind in _POOLED:
        return lambda output: _known(output.pooler_output, kind)
    names = {name.rpartition(".")[2] for name, _ in model.named_parameters()}
    has_class_token = not names.isdisjoint(_CLASS_TOKENS)
    averages = kind in _MEAN or getattr(
        model.config, "use_mean_pooling", False
    )  # the latter: BEiT and its kin

    def pool(output: Any) -> Tensor:
        last = getattr(output, "last_hidden_state", None)
        if last is not None and last.ndim == 4:  # (B, D, h, w) of a convolutional net
            return last.mean((2, 3))
        if last is None or last.ndim != 3 or not (has_class_token or averages):
            return _known(None, kind)
        return last[:, int(has_class_token) :].mean(1) if averages else last[:, 0]

    return pool


def _known(pooled: Tensor | None, kind: str) -> Tensor:
    if pooled is None:
        raise SettingsError(
            f"a {kind} of transformers has neither a class token nor a pooling that is known; use a ViT, "
            f"DINOv2, Swin, CLIP or ResNet, or the same model as timm:NAME"
        )
    return pooled


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
