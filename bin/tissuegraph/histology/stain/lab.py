"""Conversion between 8-bit sRGB and CIELAB (D65) by tables and matrix products, for millions of pixels."""

from __future__ import annotations

import numpy as np

_STEPS = 1 << 14  # entries of the tables for continuous values: errors stay below 0.1 in L, a, b
_WHITE = np.array([0.95047, 1.0, 1.08883])
_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
# linear RGB (row vector) to XYZ relative to white, and the three cube-root-like responses to L, a, b
TO_XYZ = (_XYZ / _WHITE[:, None]).T.astype(np.float32)
FROM_XYZ = np.linalg.inv(TO_XYZ.astype(np.float64)).astype(np.float32)
TO_LAB = np.array([[0, 500, 0], [116, -500, 200], [0, 0, -200]], dtype=np.float32)
LAB_OFFSET = np.array([-16, 0, 0], dtype=np.float32)


def _linear(value: np.ndarray) -> np.ndarray:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _response(ratio: np.ndarray) -> np.ndarray:
    return np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)


_GRID = np.linspace(0, 1, _STEPS)
LINEAR = _linear(np.arange(256) / 255).astype(np.float32)  # 8-bit value to linear light
_RESPONSE = _response(_GRID).astype(np.float32)
_EIGHT_BIT = np.round(
    255 * np.where(_GRID <= 0.0031308, 12.92 * _GRID, 1.055 * _GRID ** (1 / 2.4) - 0.055)
).astype(np.uint8)


def responses(rgb: np.ndarray, balance: np.ndarray | None = None) -> np.ndarray:
    """(..., 3) float32 responses of 8-bit colours; `balance` (3,) scales their linear light first."""
    to_xyz = TO_XYZ if balance is None else (balance[:, None] * TO_XYZ).astype(np.float32)
    return _look_up(_RESPONSE, LINEAR[rgb] @ to_xyz)


def rgb_to_lab(rgb: np.ndarray, balance: np.ndarray | None = None) -> np.ndarray:
    """CIELAB (..., 3) float32 of 8-bit sRGB colours (..., 3)."""
    return responses(rgb, balance) @ TO_LAB + LAB_OFFSET


def responses_to_rgb(response: np.ndarray) -> np.ndarray:
    """8-bit sRGB of responses; colours outside sRGB are clipped."""
    ratio = np.where(
        response > 6 / 29, response * response * response, (response - 4 / 29) * np.float32(3 * (6 / 29) ** 2)
    )
    return _look_up(_EIGHT_BIT, ratio @ FROM_XYZ)


def _look_up(table: np.ndarray, value: np.ndarray) -> np.ndarray:
    index = np.clip(value * np.float32(_STEPS - 1) + np.float32(0.5), 0, _STEPS - 1)
    return table[index.astype(np.int32)]
