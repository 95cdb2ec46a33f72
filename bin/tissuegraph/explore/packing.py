"""Arrays and texts as a page can carry them: few levels, gzip, base64, and nothing that ends a script."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

BYTE, WORD = np.dtype("u1"), np.dtype("<u2")  # little-endian, as browsers are


@dataclass(frozen=True, eq=False)
class Quantised:
    """Values as codes (N,): c stands for low + c / levels * (high - low), the largest code for missing."""

    codes: np.ndarray
    low: float
    high: float


def levels_of(kind: np.dtype) -> int:
    """Steps between the lowest and the highest value: 254 of a byte, 65,534 of a word."""
    return int(np.iinfo(kind).max) - 1


def quantised(
    values: np.ndarray, kind: np.dtype, low: float | None = None, high: float | None = None
) -> Quantised:
    """The nearest level of each value (N,) float between low and high, by default the range of the values.

    Values that are not finite become the largest code. The error is at most half a step.
    """
    known = np.isfinite(values)
    if low is None:
        low = float(values[known].min()) if known.any() else 0.0
    if high is None:
        high = float(values[known].max()) if known.any() else 0.0
    span, levels = high - low, levels_of(kind)
    codes = np.full(values.shape, levels + 1, dtype=kind)
    share = (np.clip(values[known], low, high) - low) / span if span > 0 else np.zeros(int(known.sum()))
    codes[known] = np.rint(share * levels).astype(kind)
    return Quantised(codes, low, high)


def category_codes(codes: np.ndarray, number: int) -> np.ndarray:
    """Codes (N,) int from 0, -1 missing, in the smallest unsigned type; missing becomes its largest code."""
    kind = BYTE if number < np.iinfo(BYTE).max else WORD
    return np.where(codes < 0, np.iinfo(kind).max, codes).astype(kind)


def packed(array: np.ndarray) -> str:
    """Bytes of an array as gzip in base64; the same array gives the same text."""
    return packed_bytes(np.ascontiguousarray(array).tobytes())


def packed_bytes(content: bytes) -> str:
    """As `packed`, of bytes."""
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode("ascii")


def script_json(value: Any) -> str:
    """JSON that stands inside a script element whatever names it holds: no `<`, `>`, `&`, ASCII only."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
