"""Which spots of large slices are trained on and validated on: contiguous parts, so that neighbours stay."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from tissuegraph.slices.partition import spatial_parts

_FEWEST = 256  # spots of a part: fewer have too few neighbours among each other


def sampled_parts(positions: Sequence[np.ndarray], limit: int) -> list[list[np.ndarray]]:
    """For each slice the spots to use, as contiguous parts: all where these are at most `limit` in total.

    Else each slice gives one part of limit / slices spots or a little less, drawn at random, and further ones
    in turn until the limit is reached. Every slice gives at least one part; equal positions, equal parts.
    positions: (N_s, 2) of each of S slices.
    """
    if sum(map(len, positions)) <= limit:
        return [[np.arange(len(position))] for position in positions]
    draws = np.random.default_rng(0)
    size = max(limit // len(positions), _FEWEST)
    parts = [spatial_parts(position, size) for position in positions]
    drawn = [[each[place] for place in draws.permutation(len(each))] for each in parts]
    chosen: list[list[np.ndarray]] = [[] for _ in positions]
    used = 0
    for turn, round_ in enumerate(zip_longest(*drawn)):
        for slice_parts, part in zip(chosen, round_, strict=True):
            if part is not None and (turn == 0 or used + len(part) <= limit):
                slice_parts.append(part)
                used += len(part)
    return chosen
