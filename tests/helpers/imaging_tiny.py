"""Tiny slices that a person can check by hand, as Xenium, CosMx and MERSCOPE write them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from scipy import sparse
from scipy.io import mmwrite

from helpers.tiny import write_10x_h5

GENES = ["ACTA2", "CD3E", "EPCAM"]
COUNTS = np.array([[4, 0, 1], [0, 2, 0], [7, 0, 3], [0, 5, 0]])  # 4 cells x 3 genes
XY_UM = np.array([[10.0, 20.0], [22.5, 20.0], [10.0, 32.5], [30.0, 40.0]])
AREA = [50.5, 61.25, 47.0, 80.0]

XENIUM_IDS = ["aaaaficg-1", "aaabbaka-1", "aaabcdef-1", "oikfbgim-1"]
XENIUM_CONTROLS = {
    "NegControlProbe_00042": "Negative Control Probe",
    "NegControlCodeword_0500": "Negative Control Codeword",
    "UnassignedCodeword_0001": "Unassigned Codeword",
    "DeprecatedCodeword_0321": "Deprecated Codeword",
    "Intergenic_Region_1127": "Genomic Control",
}
CONTROLS = np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 2]])  # 4 cells x 5


def write_xenium(
    folder: Path,
    *,
    version: str = "xenium-2.0.0.10",
    matrix: str = "h5",
    cells: str = "cells.parquet",
    controls: bool = True,
) -> Path:
    """The tables of Xenium Onboard Analysis: 1.0 has whole numbers as ids, later versions text.

    The table of cells lists them in another order than the matrix, and one that the matrix lacks.
    """
    folder.mkdir(parents=True)
    ids = [str(n) for n in range(1, 5)] if version.startswith("xenium-1.0") else XENIUM_IDS
    names = [*GENES, *(XENIUM_CONTROLS if controls else {})]
    types = ["Gene Expression"] * 3 + (list(XENIUM_CONTROLS.values()) if controls else [])
    feature_ids = [*(f"ENSG{n}" for n in range(3)), *names[3:]]
    counts = np.hstack([COUNTS, CONTROLS])[:, : len(names)]
    if matrix == "h5":
        write_10x_h5(folder / "cell_feature_matrix.h5", counts, ids, feature_ids, names, types)
    else:
        _write_10x_mtx(folder / "cell_feature_matrix", counts, ids, feature_ids, names, types)
    table = pd.DataFrame(
        {
            "cell_id": [*ids, "5" if ids[0] == "1" else "zzzzzzzz-1"],
            "x_centroid": [*XY_UM[:, 0], 99.0],
            "y_centroid": [*XY_UM[:, 1], 99.0],
            "transcript_counts": [*COUNTS.sum(axis=1), 0],
            "control_probe_counts": [*CONTROLS[:, 0], 0],
            "total_counts": [*counts.sum(axis=1), 0],
            "cell_area": [*AREA, 1.0],
        }
    ).iloc[[4, 2, 0, 3, 1]]
    if ids[0] == "1":
        table["cell_id"] = table["cell_id"].astype(int)
    if cells.endswith(".parquet"):
        table.to_parquet(folder / cells)
    else:
        table.to_csv(folder / cells, index=False)
    described = {"analysis_sw_version": version, "num_cells": 4, "pixel_size": 0.2125}
    (folder / "experiment.xenium").write_text(json.dumps(described))
    return folder


def write_morphology(path: Path, pixels: np.ndarray, neighbour: str | None = None) -> None:
    """A pyramid of one channel as the instrument writes it: halved versions inside, 16 bits, JPEG 2000.

    neighbour: a further file of the same image that the description names and nobody shipped.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"axes": "YX", "PhysicalSizeX": 0.2125, "PhysicalSizeY": 0.2125}
    options = {"tile": (256, 256), "compression": "jpeg2000", "photometric": "minisblack"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(pixels, subifds=2, metadata=metadata, **options)
        for step in (2, 4):
            file.write(np.ascontiguousarray(pixels[::step, ::step]), subfiletype=1, **options)
    if neighbour:
        with tifffile.TiffFile(path, mode="r+b") as file:
            said = file.pages[0].description
            block = f'<TiffData FirstC="1" IFD="0"><UUID FileName="{neighbour}">urn:uuid:0</UUID></TiffData>'
            said = said.replace('SizeC="1"', 'SizeC="2"').replace("</Pixels>", f"{block}</Pixels>")
            file.pages[0].tags["ImageDescription"].overwrite(said)


def _write_10x_mtx(folder: Path, counts, ids, feature_ids, names, types) -> None:
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        mmwrite(file, sparse.coo_matrix(counts.T))
    lines = ("\t".join(row) for row in zip(feature_ids, names, types, strict=True))
    for name, text in (("barcodes", "\n".join(ids)), ("features", "\n".join(lines))):
        (folder / f"{name}.tsv.gz").write_bytes(gzip.compress(text.encode()))


COSMX_CELLS = [(1, 1), (1, 2), (2, 1), (2, 3)]  # fov, cell_ID
COSMX_PX = np.array([[1000.0, 2000.0], [1100.0, 2000.0], [5400.0, 2100.0], [5500.0, 2200.0]])
COSMX_CONTROLS = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 3, 1]])
COSMX_CONTROL_NAMES = ["NegPrb1", "Negative2", "SystemControl3", "FalseCode4"]


def write_cosmx(folder: Path, *, packed: bool = False, local_width: float = 4000.0, prefix="S0_") -> Path:
    """Counts with a row of background (cell_ID 0) per field of view; metadata in another order."""
    folder.mkdir(parents=True)
    rows = pd.DataFrame(COSMX_CELLS, columns=["fov", "cell_ID"])
    counts = pd.DataFrame(np.hstack([COUNTS, COSMX_CONTROLS]), columns=[*GENES, *COSMX_CONTROL_NAMES])
    table = pd.concat([rows, counts], axis=1)
    background = pd.DataFrame(90, index=[0, 1], columns=table.columns)
    background["fov"], background["cell_ID"] = [1, 2], 0
    table = pd.concat([background.iloc[:1], table.iloc[:2], background.iloc[1:], table.iloc[2:]])
    metadata = rows.assign(
        **{
            "Area": AREA,
            "CenterX_local_px": [1000.0, 1100.0, local_width, 10.0],
            "CenterX_global_px": COSMX_PX[:, 0],
            "CenterY_global_px": COSMX_PX[:, 1],
            "Mean.DAPI": [7, 8, 9, 10],
            "cell": [f"c_1_{fov}_{cell}" for fov, cell in COSMX_CELLS],
            "patient_name": "not wanted",
        }
    ).iloc[::-1]
    end = ".gz" if packed else ""
    table.to_csv(folder / f"{prefix}exprMat_file.csv{end}", index=False)
    metadata.to_csv(folder / f"{prefix}metadata_file.csv{end}", index=False)
    return folder


MERSCOPE_IDS = [  # up to 39 digits: two that are equal as floating-point numbers
    "110883424764611924400221639916314253469", "110883424764611924400221639916314253470",
    "2", "300000000000000001",
]  # fmt: skip


def write_merscope(folder: Path, *, packed: bool = False, id_name: str = "EntityID", prefix="") -> Path:
    """Counts with two blanks; metadata in another order, under another name of the first column."""
    folder.mkdir(parents=True)
    counts = pd.DataFrame(COUNTS, columns=GENES, index=pd.Index(MERSCOPE_IDS, name="cell"))
    counts.insert(1, "Blank-1", [0, 1, 0, 2])
    counts["Blank-27"] = [3, 0, 0, 0]
    metadata = pd.DataFrame(
        {"fov": [0, 0, 1, 1], "volume": AREA, "center_x": XY_UM[:, 0], "center_y": XY_UM[:, 1]},
        index=pd.Index(MERSCOPE_IDS, name=id_name),
    ).iloc[[3, 1, 0, 2]]
    end = ".gz" if packed else ""
    counts.to_csv(folder / f"{prefix}cell_by_gene.csv{end}")
    metadata.to_csv(folder / f"{prefix}cell_metadata.csv{end}")
    return folder
