"""Gradients that were gathered at one place of a network, handed on to what comes before it."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def hand_on(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Add to the leaves' gradients what these outputs pass on, each with the gradient that reached it.

    The same as torch.autograd.backward with `grad_tensors`, to the bit, which loads sympy the first time: a
    second of CPU, as long as 25 epochs of a small slice.
    """
    sum((made * gradient).sum() for made, gradient in pairs).backward()
