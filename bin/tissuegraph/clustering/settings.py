"""Settings of the step from embedding to domains."""

from __future__ import annotations

from dataclasses import dataclass

from tissuegraph.clustering import CLUSTERERS
from tissuegraph.presets.fields import choice, flag, whole


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """Embedding to domains."""

    clusterer: str = choice(*CLUSTERERS)
    smooth_neighbours: int | str = whole(0, 1000, "auto")  # average Z over so many nearest spots first,
    # of bins and cells all within a least radius (slices/smoothing.py); 0: as it is; auto: the number that
    # predicts left-out spots best, as for the baseline
    refine: bool | str = flag("propagation")  # majority vote among neighbours afterwards; propagation:
    # labels flow from the most typical spots of each domain
