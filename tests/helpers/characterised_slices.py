"""Final slices with markers that are known, for what characterises them."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
from scipy import sparse

from helpers.explored_slices import final_slice


def planted_slice(columns: int = 18, rows: int = 14, n_genes: int = 60) -> anndata.AnnData:
    """Three upright bands of domains; gene k is high in domain k % 3 + 1, and its symbol is `Gene<k>`."""
    data = final_slice(columns, rows, n_genes)
    data.layers["counts"] = data.X.copy()
    data.uns["domain_colors"] = ["#0072B2", "#E69F00", "#009E73"]
    x, y = data.obs["array_col"].to_numpy(), data.obs["array_row"].to_numpy()
    apart = np.abs(x[:, None] - x) + np.abs(y[:, None] - y)
    data.obsp["spatial_graph"] = sparse.csr_matrix((apart == 1).astype(np.float32))
    return data


def write_planted(path: Path, data: anndata.AnnData | None = None) -> Path:
    (planted_slice() if data is None else data).write_h5ad(path)
    return path
