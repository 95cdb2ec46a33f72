"""One made-up slice of three bands, as each platform would write it, large enough for the pipeline."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mmwrite

from helpers.tiny import write_10x_h5

SIDE = 16  # cells along either side
N_GENES = 30
GENES = [f"GENE{k}" for k in range(N_GENES)]
IDS = [f"ENSG{k:011d}" for k in range(N_GENES)]


@dataclass(frozen=True, eq=False)
class Cells:
    """counts (N, G) int; xy (N, 2) micrometres, 10 apart; band (N,) 0, 1 or 2."""

    counts: np.ndarray
    xy: np.ndarray
    band: np.ndarray

    @property
    def barcodes(self) -> list[str]:
        return [f"cell{k}-1" for k in range(len(self.xy))]


def cells(seed: int = 0) -> Cells:
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(SIDE * SIDE), SIDE)
    band = np.minimum(row * 3 // SIDE, 2)
    rate = np.full((SIDE * SIDE, N_GENES), 1.0)
    for k in range(3):
        rate[band == k, 10 * k : 10 * k + 10] = 5.0
    xy = 10.0 * np.column_stack([column, row]) + 5
    return Cells(rng.poisson(rate), xy, band)


def xenium(folder: Path, made: Cells) -> dict[str, str]:
    folder.mkdir()
    write_10x_h5(folder / "cell_feature_matrix.h5", made.counts, made.barcodes, IDS, GENES)
    columns = {"cell_id": made.barcodes, "x_centroid": made.xy[:, 0], "y_centroid": made.xy[:, 1]}
    pd.DataFrame(columns | {"cell_area": 60.0}).to_parquet(folder / "cells.parquet")
    (folder / "experiment.xenium").write_text(json.dumps({"analysis_sw_version": "xenium-3.0.0"}))
    return {}


def cosmx(folder: Path, made: Cells) -> dict[str, str]:
    folder.mkdir()
    names = {"fov": 1, "cell_ID": np.arange(1, len(made.xy) + 1)}
    table = pd.DataFrame({**names, **dict(zip(GENES, made.counts.T, strict=True)), "NegPrb1": 1})
    table.to_csv(folder / "S0_exprMat_file.csv", index=False)
    pixels = made.xy / 0.12028
    places = {"CenterX_local_px": pixels[:, 0], "CenterX_global_px": pixels[:, 0]}
    places["CenterY_global_px"] = pixels[:, 1]
    pd.DataFrame(names | places).to_csv(folder / "S0_metadata_file.csv", index=False)
    return {}


def merscope(folder: Path, made: Cells) -> dict[str, str]:
    folder.mkdir()
    index = pd.Index(made.barcodes, name="cell")
    pd.DataFrame(made.counts, index, GENES).to_csv(folder / "cell_by_gene.csv")
    places = {"fov": 0, "volume": 60.0, "center_x": made.xy[:, 0], "center_y": made.xy[:, 1]}
    pd.DataFrame(places, index).to_csv(folder / "cell_metadata.csv")
    return {}


def visium_hd(folder: Path, made: Cells) -> dict[str, str]:
    """Bins of 8 um in the place of the cells."""
    bins = folder / "binned_outputs" / "square_008um"
    (bins / "spatial").mkdir(parents=True)
    row, column = np.divmod(np.arange(len(made.xy)), SIDE)
    names = [f"s_008um_{r:05d}_{c:05d}-1" for r, c in zip(row, column, strict=True)]
    write_10x_h5(bins / "filtered_feature_bc_matrix.h5", made.counts, names, IDS, GENES)
    factors = {"microns_per_pixel": 0.4, "bin_size_um": 8.0, "spot_diameter_fullres": 20.0}
    factors |= {"tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.1}
    (bins / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    places = {"barcode": names, "in_tissue": 1, "array_row": row, "array_col": column}
    places |= {"pxl_row_in_fullres": 20.0 * row + 10, "pxl_col_in_fullres": 20.0 * column + 10}
    pd.DataFrame(places).to_parquet(bins / "spatial" / "tissue_positions.parquet")
    return {"bin_um": "8"}


def two_sections(path: Path, made: Cells) -> dict[str, str]:
    """An h5ad of two sections on top of each other, of which the row picks one."""
    path = path.with_suffix(".h5ad")
    other = cells(1)
    data = anndata.AnnData(sparse.csr_matrix(np.vstack([made.counts, other.counts]).astype(np.float32)))
    data.obs_names = [*made.barcodes, *(f"other-{name}" for name in other.barcodes)]
    data.var_names = GENES
    data.obs["library_id"] = pd.Categorical(["first"] * len(made.xy) + ["second"] * len(other.xy))
    data.obs["n_nuclei"] = 1
    data.obsm["spatial"] = np.vstack([made.xy, other.xy])
    data.write_h5ad(path)
    return {"path": str(path), "library": "first"}


def mtx(folder: Path, made: Cells) -> dict[str, str]:
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        mmwrite(file, sparse.coo_matrix(made.counts.T))
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress("\n".join(made.barcodes).encode()))
    lines = "\n".join(f"{gene}\t{name}\tGene Expression" for gene, name in zip(IDS, GENES, strict=True))
    (folder / "features.tsv.gz").write_bytes(gzip.compress(lines.encode()))
    places = {"barcode": made.barcodes, "x": made.xy[:, 0], "y": made.xy[:, 1]}
    pd.DataFrame(places).to_csv(folder / "coordinates.csv", index=False)
    return {}


def slideseq(folder: Path, made: Cells) -> dict[str, str]:
    folder.mkdir()
    names = ["".join("ACGT"[(k >> 2 * place) & 3] for place in range(14)) for k in range(len(made.xy))]
    places = {"barcodes": names, "xcoord": made.xy[:, 0], "ycoord": made.xy[:, 1]}
    pd.DataFrame(places).to_csv(folder / "Puck_1_bead_locations.csv", index=False)
    expression = pd.DataFrame(made.counts.T, pd.Index(GENES, name="GENE"), names)
    expression.to_csv(folder / "Puck_1.digital_expression.txt.gz", sep="\t")
    return {}


def stereoseq(path: Path, made: Cells) -> dict[str, str]:
    """A GEF of bin1: all counts of a cell at one DNB, 20 of which are 10 um."""
    path = path.with_suffix(".gef")
    cell, gene = np.nonzero(made.counts)
    order = np.lexsort((cell, gene))
    cell, gene = cell[order], gene[order]
    expression = np.zeros(len(cell), dtype=[("x", "<u4"), ("y", "<u4"), ("count", "u1")])
    expression["x"], expression["y"] = (made.xy[cell] * 2).astype(int).T
    expression["count"] = made.counts[cell, gene]
    genes = np.zeros(
        N_GENES, dtype=[("geneID", "S64"), ("geneName", "S64"), ("offset", "<u4"), ("count", "<u4")]
    )
    genes["geneID"], genes["geneName"] = IDS, GENES
    genes["count"] = np.bincount(gene, minlength=N_GENES)
    genes["offset"] = np.concatenate([[0], np.cumsum(genes["count"])])[:-1]
    with h5py.File(path, "w") as file:
        file.attrs["version"] = np.uint32(2)
        group = file.create_group("geneExp/bin1")
        group["gene"] = genes
        stored = group.create_dataset("expression", data=expression)
        for name, field, pick in (
            ("minX", "x", min),
            ("minY", "y", min),
            ("maxX", "x", max),
            ("maxY", "y", max),
        ):
            stored.attrs[name] = np.uint32(pick(expression[field]))
        stored.attrs["resolution"] = np.uint32(500)
    return {"path": str(path), "bin_um": "10"}


def spatialdata(path: Path, made: Cells) -> dict[str, str]:
    from spatialdata.models import TableModel
    from spatialdata.transformations import Identity

    from helpers import spatialdata_tiny

    path = path.with_suffix(".zarr")
    data = anndata.AnnData(sparse.csr_matrix(made.counts.astype(np.float32)))
    data.obs_names, data.var_names = made.barcodes, GENES
    data.obs["region"], data.obs["cell_id"] = pd.Categorical(["cells"] * data.n_obs), made.barcodes
    table = TableModel.parse(data, region="cells", region_key="region", instance_key="cell_id")
    shapes = spatialdata_tiny.squares({"global": Identity()}, made.xy, index=made.barcodes)
    spatialdata_tiny.write(path, {"table": table}, {"cells": shapes})
    return {"path": str(path), "table": "table"}


WRITERS: dict[str, Callable[[Path, Cells], dict[str, str]]] = {
    "xenium": xenium, "cosmx": cosmx, "merscope": merscope, "visium_hd": visium_hd, "h5ad": two_sections,
    "mtx": mtx, "slideseq": slideseq, "stereoseq": stereoseq, "spatialdata": spatialdata,
}  # fmt: skip


def write_platforms(folder: Path, made: Cells) -> list[dict[str, str]]:
    """Rows of a samplesheet, one for each platform, detected from what was written."""
    rows = []
    for name, write in WRITERS.items():
        columns = write(folder / name, made)
        rows.append({"sample": name, "path": str(folder / name), "n_domains": "3", **columns})
    return rows
