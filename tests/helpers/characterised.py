"""Final h5ad files with something planted: a gradient over layers, a pair of genes along one border."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

PITCH = 100.0


def lattice(columns: int, rows: int) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Positions (N, 2) of a square lattice, row by row, and its graph of four neighbours."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(columns), np.arange(rows)))
    paths = [sparse.diags([1.0, 1.0], [-1, 1], shape=(side, side)) for side in (columns, rows)]
    graph = sparse.csr_matrix(sparse.kronsum(*paths), dtype=np.float32)
    return np.column_stack([x, y]) * PITCH, graph


def layered(
    counts: np.ndarray, position: np.ndarray, graph: sparse.csr_matrix, codes: np.ndarray, genes=None, **obsm
) -> anndata.AnnData:
    """What ASSEMBLE would write of these counts (N, G) and domains (N,) from 0, which are named from 1."""
    counts = sparse.csr_matrix(np.asarray(counts, dtype=np.float32))
    data = anndata.AnnData(counts.copy(), layers={"counts": counts})
    data.obs_names = [f"SPOT{k:05d}-1" for k in range(data.n_obs)]
    data.var_names = [f"G{k}" for k in range(data.n_vars)] if genes is None else list(genes)
    data.var["gene_id"] = [f"ENSG{k:011d}" for k in range(data.n_vars)]
    data.var["gene_symbol"] = list(data.var_names)
    data.obs["domain"] = pd.Categorical((codes + 1).astype(str), [str(k + 1) for k in range(codes.max() + 1)])
    data.obsm["spatial"] = position + 500.0
    for name, values in obsm.items():
        data.obsm[name] = values
    data.obsp["spatial_graph"] = graph
    data.uns["tissuegraph"] = {"final_method": "stmfg", "pitch_px": PITCH, "um_per_px": 1.0}
    return data


def gradient_slice(columns: int = 40, rows: int = 20, n_domains: int = 5, seed: int = 0):
    """A slice whose expression runs smoothly from left to right, and where each spot is on the way (N,).

    Its embedding is what components of it would be: a bend in two dimensions, with noise in all of eight.
    """
    rng = np.random.default_rng(seed)
    position, graph = lattice(columns, rows)
    way = position[:, 0] / position[:, 0].max()
    rate = np.exp(2.0 * np.cos(np.pi * (way[:, None] - np.linspace(0, 1, 30))))
    bend = np.column_stack([np.cos(2.5 * way), np.sin(2.5 * way), np.zeros((len(way), 6))])
    embedding = (bend + rng.normal(0, 0.08, bend.shape)).astype(np.float32)
    codes = np.minimum((way * n_domains).astype(int), n_domains - 1)
    data = layered(rng.poisson(rate), position, graph, codes, X_stmfg=embedding)
    return data, way


def border_slice(columns: int = 32, rows: int = 30, n_genes: int = 40, planted: bool = True, seed: int = 0):
    """Four upright domains with own means of all genes; G0 and G1 meet where 2 and 3 do.

    Planted: G0 in the last two columns of domain 2, G1 in the first two of domain 3.
    """
    rng = np.random.default_rng(seed)
    position, graph = lattice(columns, rows)
    codes = (np.arange(columns * rows) % columns) * 4 // columns
    rate = np.exp(rng.normal(0, 0.5, (4, n_genes)))[codes]
    if planted:
        from_border = position[:, 0] / PITCH - (columns // 2 - 0.5)
        rate[(from_border > -2) & (from_border < 0), 0] += 5
        rate[(from_border > 0) & (from_border < 2), 1] += 5
    background = np.full((len(codes), 100), 1.0)
    return layered(rng.poisson(np.column_stack([rate, background])), position, graph, codes)
