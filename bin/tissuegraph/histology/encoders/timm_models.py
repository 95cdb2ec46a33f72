"""Networks of timm, among them pathology foundation models by name, each as its authors use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tissuegraph.errors import SettingsError
from tissuegraph.histology.encoders.network import (
    NetworkEncoder,
    Transform,
    fill,
    read_weights,
    require,
    require_weights,
)


@dataclass(frozen=True)
class Recipe:
    """Architecture of a published model, its input and the part of its output that is the feature.

    n_features and n_parameters are those its authors state; tests hold the architecture to them.
    """

    hub: str  # where its weights are published
    architecture: str
    n_features: int
    n_parameters: float  # in millions
    transform: Transform
    arguments: dict[str, Any] = field(default_factory=dict)
    gated: bool = False  # feed-forward layers with SwiGLU instead of GELU
    pool: Callable[[Tensor], Tensor] = lambda output: output


def class_and_mean_token(output: Tensor) -> Tensor:
    """Class token beside the mean of the patch tokens: (B, 1 + 4 registers + patches, D) to (B, 2 D)."""
    return torch.cat([output[:, 0], output[:, 5:].mean(1)], dim=1)


_DYNAMIC = {"img_size": 224, "init_values": 1e-5, "num_classes": 0, "dynamic_img_size": True}
_BICUBIC = Transform(resample="bicubic")
RECIPES = {
    "uni": Recipe(
        hub="MahmoodLab/UNI",
        architecture="vit_large_patch16_224",
        n_features=1024,
        n_parameters=303,
        transform=Transform(),
        arguments=_DYNAMIC,
    ),
    "uni2": Recipe(
        hub="MahmoodLab/UNI2-h",
        architecture="vit_giant_patch14_224",
        n_features=1536,
        n_parameters=681,
        transform=Transform(),
        arguments=_DYNAMIC
        | {
            "patch_size": 14,
            "depth": 24,
            "num_heads": 24,
            "embed_dim": 1536,
            "mlp_ratio": 2 * 2.66667,
            "no_embed_class": True,
            "reg_tokens": 8,
        },
        gated=True,
    ),
    "virchow2": Recipe(
        hub="paige-ai/Virchow2",
        architecture="vit_huge_patch14_224",
        n_features=2560,
        n_parameters=631,
        transform=_BICUBIC,
        arguments=_DYNAMIC | {"reg_tokens": 4, "mlp_ratio": 5.3375, "global_pool": ""},
        gated=True,
        pool=class_and_mean_token,
    ),
    "h-optimus-0": Recipe(
        hub="bioptimus/H-optimus-0",
        architecture="vit_giant_patch14_reg4_dinov2",
        n_features=1536,
        n_parameters=1135,
        transform=Transform(
            mean=(0.707223, 0.578729, 0.703617), std=(0.211883, 0.230117, 0.177517), resample="bicubic"
        ),
        arguments={"img_size": 224, "init_values": 1e-5, "num_classes": 0, "global_pool": "token"},
    ),
    "gigapath": Recipe(
        hub="prov-gigapath/prov-gigapath",
        architecture="vit_giant_patch14_dinov2",
        n_features=1536,
        n_parameters=1135,
        transform=_BICUBIC,
        arguments={
            "img_size": 224,
            "patch_size": 16,
            "embed_dim": 1536,
            "depth": 40,
            "num_heads": 24,
            "init_values": 1e-5,
            "mlp_ratio": 5.33334,
            "num_classes": 0,
            "global_pool": "token",
        },
    ),
}


def load(name: str, weights: Path | None, device: str) -> NetworkEncoder:
    """A model of RECIPES, or `timm:ARCHITECTURE` with timm's own input transform; see load_encoder."""
    recipe = RECIPES.get(name)
    source = f"download {recipe.hub} from its model hub" if recipe else "save the model's state dict"
    path = require_weights(weights, name, source)
    if recipe is not None:
        model, transform, pool = build(recipe, name), recipe.transform, recipe.pool
    else:
        model, transform = _any_model(name)
        pool = lambda output: output  # noqa: E731
    fill(model, read_weights(path, name), name, optional=_head(model))
    return NetworkEncoder(name, model, transform, device, pool)


def build(recipe: Recipe, name: str) -> nn.Module:
    """The untrained network of a recipe."""
    timm = require("timm", name)
    arguments = dict(recipe.arguments)
    if recipe.gated:
        arguments |= {"mlp_layer": timm.layers.SwiGLUPacked, "act_layer": nn.SiLU}
    return timm.create_model(recipe.architecture, pretrained=False, **arguments)


def _any_model(name: str) -> tuple[nn.Module, Transform]:
    timm = require("timm", name)
    architecture = name.removeprefix("timm:")
    if not timm.is_model(architecture):
        raise SettingsError(f"timm {timm.__version__} has no model {architecture!r}; see timm.list_models()")
    model = timm.create_model(architecture, pretrained=False, num_classes=0)
    wanted = timm.data.resolve_model_data_config(model)
    resample = wanted["interpolation"] if wanted["interpolation"] in ("bilinear", "bicubic") else "bicubic"
    return model, Transform(wanted["input_size"][-1], tuple(wanted["mean"]), tuple(wanted["std"]), resample)


def _head(model: nn.Module) -> tuple[str, ...]:
    """Prefix of the classifier's entries, which a file of weights may hold and features do not need."""
    head = getattr(model, "default_cfg", {}).get("classifier") or ()
    heads = (head,) if isinstance(head, str) else tuple(head)
    return tuple(f"{entry}." for entry in heads)
