"""Complementary masks: two views of the same graph, each showing what the other hides (SpaHGC 4.5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tissuegraph.spahgc.settings import Masking

_LEAST_SHOWN = 0.02  # share by which a rescaled view is divided at most: bounds its variance


@dataclass(frozen=True, eq=False)
class View:
    """Multipliers of the node features in one view; None shows everything.

    target: (n, F); reference: (R, F + M); 0 where hidden.
    """

    target: Tensor | None = None
    reference: Tensor | None = None


CLEAN = View()


def draw_views(
    shapes: tuple[tuple[int, int], tuple[int, int]],
    settings: Masking,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> tuple[View, View]:
    """Two views. shapes: of the target and of the reference features.

    View 1 hides the shares `target` and `reference`; view 2 shows exactly that where the mode is
    complementary, and hides the complementary share at random where it is random. Drawn on the CPU, so that
    every device sees the same masks.
    """
    if settings.mode == "none":
        return CLEAN, CLEAN
    pairs = [
        _pair(shape, hidden, settings, generator, device)
        for shape, hidden in zip(shapes, (settings.target, settings.reference), strict=True)
    ]
    (target1, target2), (reference1, reference2) = pairs
    return View(target1, reference1), View(target2, reference2)


def _pair(shape, hidden, settings, generator, device) -> tuple[Tensor, Tensor]:
    first = (torch.rand(shape, generator=generator) >= hidden).float()
    if settings.mode == "complementary":
        second = 1 - first
    else:
        second = (torch.rand(shape, generator=generator) < hidden).float()
    if settings.rescale:
        first, second = first / max(1 - hidden, _LEAST_SHOWN), second / max(hidden, _LEAST_SHOWN)
    return first.to(device), second.to(device)
