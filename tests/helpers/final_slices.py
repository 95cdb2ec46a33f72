"""A final h5ad as small as can be, for what is made of it."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.exports.write import export_slice
from tissuegraph.records import Record
from tissuegraph.slices.preprocess import log_normalised

COUNTS = np.array([[1, 0, 5], [0, 2, 0], [3, 0, 7], [0, 1, 1]], dtype=np.float32)  # 4 spots x 3 genes
XY = np.array([[10.0, 20.0], [30.0, 20.0], [10.0, 40.0], [30.0, 40.0]])  # pixels; 20 from one to the next
BARCODES = ["AAACAAGTATCTCCCA-1", "AAACACCAATAACTGC-1", "AAACAGAGCGACTCCT-1", "AAACAGCTTTCAGAAG-1"]
CELLS = ["aaaabcde-1", "aaaabcdf-1", "aaaabcdg-1", "aaaabcdh-1"]
BINS = [f"s_008um_0000{row}_0000{column}-1" for row in range(2) for column in range(2)]
IDS = ["ENSG00000141510", "ENSG00000111640", "ENSG00000075624"]  # TP53, GAPDH, ACTB


def final_data(names=BARCODES, platform="visium", image=None, um_per_px=0.5, ids=IDS, **obs):
    """Two domains side by side, and a baseline that agrees with them in all spots but the first."""
    counts = sparse.csr_matrix(COUNTS)
    data = anndata.AnnData(log_normalised(counts), layers={"counts": counts})
    data.obs_names, data.var_names = list(names), ["TP53", "GAPDH", "ACTB"]
    data.obs["domain"] = data.obs["domain_stmfg"] = pd.Categorical(["1", "2", "1", "2"])
    data.obs["domain_baseline"] = pd.Categorical(["2", "2", "1", "2"])
    data.obs["domain_pca_kmeans"] = pd.Categorical(["2", "1", "1", "2"])
    data.obs["domain_confidence"] = np.float32([1, 0.5, 1, 1])
    data.obs["annotation"] = pd.Categorical(["grey, matter", None, "grey, matter", "white"])
    for name, values in obs.items():
        data.obs[name] = values
    data.var["gene_id"], data.var["gene_symbol"] = ids, list(data.var_names)
    data.obsm["spatial"] = XY.copy()
    data.obsm["X_stmfg"] = np.arange(12, dtype=np.float32).reshape(4, 3)
    data.obsp["spatial_graph"] = sparse.csr_matrix(np.eye(4, dtype=np.float32)[[1, 0, 3, 2]])
    settings = {"sample": "S", "platform": platform, "pitch_px": 20.0}
    data.uns["tissuegraph"] = settings | ({} if um_per_px is None else {"um_per_px": um_per_px})
    data.uns["log1p"], data.uns["domain_colors"] = {}, ["#1b9e77", "#d95f02"]
    white = np.full((30, 25, 3), 255, dtype=np.uint8)
    factors = {"tissue_hires_scalef": 0.5, "spot_diameter_fullres": 11.0}
    images = {"hires": white if image is None else image}
    data.uns["spatial"] = {"S": {"images": images, "scalefactors": factors}}
    return data


def exported(folder: Path, formats: str, data: anndata.AnnData) -> Record:
    """Write the h5ad and export it into `folder`/out; returns the record."""
    (folder / "out").mkdir()
    data.write_h5ad(folder / "S.h5ad")
    record = Record("S", "export")
    export_slice(record, folder / "S.h5ad", formats.split(","), folder / "out")
    return record
