"""The spots of a slice that passed quality control, and their annotation."""

from __future__ import annotations

from collections.abc import Sequence

import anndata
import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.slices.names import natural


def kept_slice(data: anndata.AnnData, spots: pd.DataFrame) -> anndata.AnnData:
    """The spots that passed QC, with their QC metrics in obs. spots: one row per spot of the slice."""
    if list(spots.index) != list(data.obs_names):
        raise InputError(
            f"the QC table has {len(spots)} rows that do not follow the slice's {data.n_obs} spots; "
            f"run QC on this slice again"
        )
    keep = spots[keys.KEEP].to_numpy(dtype=bool)
    kept = data[keep].copy()
    for name in (keys.TOTAL_COUNTS, keys.N_GENES, keys.PCT_MITO):
        if name in spots:
            kept.obs[name] = spots.loc[keep, name].to_numpy()
    return kept


def without_matrices(data: anndata.AnnData) -> anndata.AnnData:
    """Spots, positions and images alone, which are drawn of all spots, without their counts."""
    return anndata.AnnData(obs=data.obs, obsm=dict(data.obsm), uns=data.uns)


def annotation_codes(
    data: anndata.AnnData, known: Sequence[str] = ()
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Manual labels as (N,) int from 0, -1 = unlabelled, and their names in natural order.

    known: names that come first, in their order, so that a name has one number in every section of a group.
    (None, ()) where the slice has no annotation or no spot of it is labelled.
    """
    if keys.ANNOTATION not in data.obs or data.obs[keys.ANNOTATION].isna().all():
        return None, ()
    labels = data.obs[keys.ANNOTATION].astype(object)
    own = {str(label) for label in labels.dropna()}
    names = [*known, *sorted(own.difference(known), key=natural)]
    number = {name: index for index, name in enumerate(names)}
    codes = np.array([-1 if pd.isna(label) else number[str(label)] for label in labels])
    return codes, tuple(names)
