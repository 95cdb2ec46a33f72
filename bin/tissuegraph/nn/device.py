"""The device that a network is trained on."""

from __future__ import annotations

import torch

from tissuegraph.errors import SettingsError


def resolve_device(device: str) -> torch.device:
    """`auto` takes the GPU where there is one; raises SettingsError when `cuda` is asked for in vain."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SettingsError("device cuda was requested but no GPU is visible; use --device auto or cpu")
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device must be auto, cpu or cuda, got {device!r}")
    return torch.device("cuda" if available and device != "cpu" else "cpu")
