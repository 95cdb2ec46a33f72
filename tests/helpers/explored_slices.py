"""Small final h5ad files, as ASSEMBLE writes them, with names that a page must not trip over."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

COLOURS = ["#0072B2", "#E69F00", "#009E73"]
ODD = "</script><b>&amp;'\"$1 Ünï"  # a gene's name, and a label's
PITCH = 100.0
SCALE = 0.05  # pixels of the image per full-resolution pixel


def final_slice(columns: int = 12, rows: int = 10, n_genes: int = 20) -> anndata.AnnData:
    """A square lattice in three upright bands of domains; gene k is high in domain k % 3 + 1."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(columns), np.arange(rows)))
    domain = x * 3 // columns
    rate = np.where(np.arange(n_genes) % 3 == domain[:, None], 8.0, 1.0)
    counts = np.random.default_rng(0).poisson(rate)
    data = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    data.obs_names = [f"SPOT{k:05d}-1" for k in range(data.n_obs)]
    data.var_names = [f"ID{k}" for k in range(n_genes)]
    symbols = np.array([f"Gene{k}" for k in range(n_genes)], dtype=object)
    symbols[3], symbols[5] = ODD, symbols[4]  # two genes of one symbol
    data.var["gene_symbol"] = symbols
    labels = np.array([ODD, "L2", "L3"], dtype=object)[domain]
    labels[:4] = None
    data.obs["domain"] = data.obs["domain_stmfg"] = pd.Categorical((domain + 1).astype(str))
    data.obs["domain_baseline"] = pd.Categorical((domain[::-1] + 1).astype(str))
    data.obs["annotation"] = pd.Categorical(labels)
    data.obs["domain_confidence"] = np.linspace(0, 1, data.n_obs).astype(np.float32)
    data.obs["total_counts"], data.obs["n_genes_by_counts"] = counts.sum(axis=1), (counts > 0).sum(axis=1)
    data.obs["pct_counts_mt"] = np.nan  # no mitochondrial genes
    data.obs["array_row"], data.obs["array_col"] = y, x
    data.obsm["spatial"] = np.column_stack([x, y]) * PITCH + 500.0
    image = np.full((120, 140, 3), 200, dtype=np.uint8)
    image[:60] = (180, 120, 160)
    factors = {"tissue_hires_scalef": SCALE, "spot_diameter_fullres": 55.0}
    data.uns["spatial"] = {"s": {"images": {"hires": image}, "scalefactors": factors}}
    data.uns["tissuegraph"] = {
        "platform": "visium",
        "final_method": "stmfg",
        "um_per_px": 1.0,
        "pitch_px": PITCH,
    }
    data.uns["domain_colors"] = COLOURS
    return data


def write_final(path: Path, data: anndata.AnnData | None = None) -> Path:
    (final_slice() if data is None else data).write_h5ad(path, compression="gzip")
    return path
