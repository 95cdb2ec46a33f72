"""Encoders turn tiles into features; each family is a module of its own.

| --encoder | weights |
|---|---|
| handcrafted, colour | none |
| timm:NAME, uni, uni2, virchow2, h-optimus-0, gigapath | state dict: file, or directory with one |
| transformers, phikon, phikon-v2 | directory with config.json and weights |
| torchvision:NAME | state dict |
"""

from __future__ import annotations

from pathlib import Path

from tissuegraph.errors import SettingsError
from tissuegraph.histology.encoders.base import Encoder

__all__ = ["KNOWN", "MADE_BY_HAND", "Encoder", "load_encoder", "needs_weights"]

MADE_BY_HAND = ("handcrafted", "colour")
_TIMM = ("uni", "uni2", "virchow2", "h-optimus-0", "gigapath")
_TRANSFORMERS = ("transformers", "phikon", "phikon-v2")
_PREFIXES = ("timm", "torchvision")
KNOWN = (*MADE_BY_HAND, *_TIMM, *_TRANSFORMERS, *(f"{prefix}:NAME" for prefix in _PREFIXES))


def needs_weights(name: str) -> bool:
    """Whether an encoder is a network; raises SettingsError for a name that is no encoder."""
    family, _, model = name.partition(":")
    if name in KNOWN or (family in _PREFIXES and model):
        return name not in MADE_BY_HAND
    raise SettingsError(f"there is no encoder {name!r}; choose one of {', '.join(KNOWN)}")


def load_encoder(name: str, weights: Path | None = None, device: str = "auto") -> Encoder:
    """The encoder of this name, from local files only.

    weights: file or directory, for networks. device: auto, cpu or cuda. Raises SettingsError for an
    unknown name, and for weights or a package that are missing, saying which and how to get them.
    """
    if not needs_weights(name):
        if weights is not None:
            raise SettingsError(f"encoder {name} takes no weights, got {weights.name}; leave them out")
        return _plain(name)
    if name in _TRANSFORMERS:
        from tissuegraph.histology.encoders.transformers_models import load
    elif name.startswith("torchvision:"):
        from tissuegraph.histology.encoders.torchvision_models import load
    else:
        from tissuegraph.histology.encoders.timm_models import load
    from tissuegraph.histology.encoders.network import weights_sha256

    encoder = load(name, weights, device)
    encoder.weights_sha256 = weights_sha256(weights)
    return encoder


def _plain(name: str) -> Encoder:
    if name == "colour":
        from tissuegraph.histology.encoders.colour import ColourEncoder

        return ColourEncoder()
    from tissuegraph.histology.encoders.handcrafted import HandcraftedEncoder

    return HandcraftedEncoder()
