"""Moving what a domain expresses along the domain: the null of interactions.

The spots of a domain lie on a Hilbert curve, turned at random, and all values of a gene move along it by the
same number of spots, forwards or mirrored. That keeps what each gene shows within the domain, its mean and,
nearly, how alike neighbouring spots are; where it lies with regard to the spots next door is what changes.
Exchanging spots freely would break up smooth patterns, which meet by chance far more often than scattered
counts do, and take most of them for findings. All moves at once are two Fourier transforms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

_BITS = 12  # of the Hilbert curve: 4,096 cells along each side
_MOST_CURVES = 64
_ROUNDING = 1e-9  # of a score, by which a transform may miss one that is equal


@dataclass(frozen=True, eq=False)
class Moved:
    """Scores of P pairs against those after moving: observed (P,), mean and sd (P,) over all moves, p (P,)
    share of the moves, the identity among them, that reach what was observed.
    """

    observed: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    p: np.ndarray


def curves(xy: np.ndarray, n_moves: int, rng: np.random.Generator) -> np.ndarray:
    """Orders (C, n) of the spots of a domain along C curves, which together give `n_moves` moves or more.

    A curve gives two moves per spot. At least two curves, as each has places where neighbours are far apart;
    at most 64.
    """
    n_curves = int(np.clip(-(-n_moves // (2 * len(xy))), 2, _MOST_CURVES))
    turns = rng.uniform(0, 2 * np.pi, n_curves)
    return np.array([np.argsort(hilbert(_turned(xy, turn)), kind="stable") for turn in turns])


def moved(values: np.ndarray, weights: np.ndarray, orders: np.ndarray) -> Moved:
    """The sum over spots of values x weights, against those of all moves of the values.

    values, weights: (n, P) of the n spots of a domain; orders: (C, n) from `curves`.
    """
    n_spots = len(values)
    observed = np.einsum("np,np->p", values, weights)
    reached = observed - _ROUNDING * np.maximum(np.abs(observed), 1.0)
    exceeded, squares = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    mean = values.mean(axis=0) * weights.sum(axis=0)
    for order in orders:
        of_values, of_weights = fft.rfft(values[order], axis=0), fft.rfft(weights[order], axis=0)
        for spectrum in (np.conj(of_values) * of_weights, of_values * of_weights):
            scores = fft.irfft(spectrum, n_spots, axis=0)
            exceeded += (scores >= reached).sum(axis=0)
            squares += ((scores - mean) ** 2).sum(axis=0)
    n_moves = 2 * n_spots * len(orders)
    # Each curve moves by nothing once: one identity counts, as p of a test by permutation has it
    p = (exceeded - len(orders) + 1) / (n_moves - len(orders) + 1)
    return Moved(observed, mean, np.sqrt(squares / n_moves), np.clip(p, 0, 1))


def hilbert(xy: np.ndarray) -> np.ndarray:
    """(n,) place of each position (n, 2) along a Hilbert curve over the square that holds them all."""
    low = xy.min(axis=0)
    side = max(float((xy - low).max()), np.finfo(float).tiny)
    x, y = np.minimum((xy - low) / side * (1 << _BITS), (1 << _BITS) - 1).astype(np.int64).T
    place = np.zeros(len(xy), dtype=np.int64)
    step = 1 << (_BITS - 1)
    while step:
        right, up = (x & step) > 0, (y & step) > 0
        place += step * step * ((3 * right) ^ up)
        flipped = ~up & right
        x, y = np.where(flipped, step - 1 - x, x), np.where(flipped, step - 1 - y, y)
        x, y = np.where(~up, y, x), np.where(~up, x, y)
        x, y = x & (step - 1), y & (step - 1)
        step >>= 1
    return place


def _turned(xy: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return xy @ np.array([[cosine, sine], [-sine, cosine]])
