"""An AnnData in memory, read by the rules of the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, first_non_count
from tissuegraph.io.h5ad import Counts, not_counts, read_file
from tissuegraph.io.request import Request


def read_frames(adata: Any, request: Request, *, platform: str, counts: Any, xy: np.ndarray) -> RawSlice:
    """As `read`, of obs, var and layout of an AnnData in memory, with its counts (N, G) and positions (N, 2).

    Raises InputError.
    """
    import anndata
    import h5py
    from anndata.io import write_elem

    with h5py.File("frames.h5ad", "w", driver="core", backing_store=False) as file:
        uns = {keys.TISSUEGRAPH: said} if (said := _said_by_us(adata)) else {}
        write_elem(file, "/", anndata.AnnData(obs=adata.obs, var=adata.var, uns=uns))
        return read_file(file, request, platform, Counts(counts, file["var"]), xy)


def _said_by_us(adata: Any) -> dict[str, Any]:
    """What a table that this pipeline wrote says of itself; nothing for another one."""
    said = adata.uns.get(keys.TISSUEGRAPH)
    read = ("platform", keys.PITCH_PX, keys.UM_PER_PX, keys.FLUORESCENCE, keys.N_CONTROLS)
    return {name: said[name] for name in read if name in said} if isinstance(said, Mapping) else {}


def counts_in_memory(adata: Any) -> tuple[Any, Any]:
    """Counts (N, G) of an AnnData by the rule of `read`, and the AnnData whose var belongs to them."""
    places = [("layers['counts']", adata.layers.get("counts"), adata), ("X", adata.X, adata)]
    if adata.raw is not None:
        places.append(("raw.X", adata.raw.X, adata.raw))
    odd = None
    for place, counts, owner in places:
        if counts is None:
            continue
        value = first_non_count(counts.data if sparse.issparse(counts) else np.ravel(counts))
        if value is None:
            return counts, owner if owner is adata else owner.to_adata()
        odd = odd or (place, value)
    raise not_counts(odd) if odd else InputError("the table has no matrix; expected raw counts in X")
