"""From the counts and positions of one slice to the arrays that a method trains on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import DegreeReport, feature_graph, longest_edge, spatial_graph
from tissuegraph.slices.preprocess import prepare


@dataclass(frozen=True, eq=False)
class BuiltArrays:
    """The arrays, and how many neighbours each graph gives a spot."""

    arrays: SliceArrays
    spatial_degrees: DegreeReport
    feature_degrees: DegreeReport


def build_arrays(
    counts: sparse.csr_matrix,
    genes: np.ndarray,
    position: np.ndarray,
    pitch: float,
    settings: Any,
    um_per_px: float | None = None,
    inferred: bool = False,
) -> BuiltArrays:
    """Select genes, make the features, build both graphs.

    counts: CSR (N, G) raw; genes: (G,) str; position: (N, 2) and pitch, as ingest measured it over all
    spots, in full-resolution pixels; um_per_px: None if unknown; inferred: whether the counts come from the
    image; settings: those of a method with the topics preprocess, spatial_graph and feature_graph. Raises
    InputError as the parts do.
    """
    prepared = prepare(counts, settings.preprocess)
    rule = settings.spatial_graph
    spatial = spatial_graph(position, rule.rule, rule.value, pitch, longest_edge(rule.max_um, um_per_px))
    feature = feature_graph(prepared.features, settings.feature_graph.k, settings.feature_graph.metric)
    arrays = SliceArrays(
        counts=counts[:, prepared.selected],
        features=prepared.features,
        depth=prepared.depth,
        position=position,
        spatial=spatial.adjacency,
        feature=feature.adjacency,
        genes=genes[prepared.selected],
        pitch=pitch,
        um_per_px=um_per_px,
        inferred=inferred,
    )
    return BuiltArrays(arrays, spatial.degrees, feature.degrees)
