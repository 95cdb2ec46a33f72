"""Networks of torchvision without their classifier."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from tissuegraph.errors import SettingsError
from tissuegraph.histology.encoders.network import (
    NetworkEncoder,
    Transform,
    fill,
    read_weights,
    require,
    require_weights,
)


def load(name: str, weights: Path | None, device: str) -> NetworkEncoder:
    """`torchvision:ARCHITECTURE`, with the weights of the whole classification model; see load_encoder."""
    path = require_weights(weights, name, "save the model's state dict")
    models = require("torchvision", name).models
    architecture = name.removeprefix("torchvision:")
    try:
        model = models.get_model(architecture, weights=None)
        preset = models.get_model_weights(architecture).DEFAULT.transforms()
        transform = Transform(preset.crop_size[0], tuple(preset.mean), tuple(preset.std))
    except (ValueError, AttributeError) as error:
        raise SettingsError(
            f"torchvision has no image classifier {architecture!r}; see torchvision.models.list_models()"
        ) from error
    fill(model, read_weights(path, name), name)
    _cut_classifier(model)
    return NetworkEncoder(name, model, transform, device)


def _cut_classifier(model: nn.Module) -> None:
    """Replace the last linear layer, which gives the classes, by nothing (inplace)."""
    last = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]
    model.set_submodule(last, nn.Identity())
