"""Settings that the training of several networks shares."""

from __future__ import annotations

from dataclasses import dataclass

from tissuegraph.presets.fields import choice, number, whole


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """Adam; the embedding is that of the last epoch."""

    epochs: int = whole(0, 100_000)
    lr: float = number(1e-8, 10)
    weight_decay: float = number(0, 10)
    precision: str = choice("float32", "bfloat16")  # bfloat16: mixed precision, on a GPU only
