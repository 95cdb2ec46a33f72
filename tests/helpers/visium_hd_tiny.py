"""Small runs of Visium HD in the directories that Space Ranger 3 and 4 write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.tiny import GENE_IDS, SYMBOLS, write_10x_h5, write_png

UM_PER_PX = 0.4
POLYGONS = {  # cell_id to corners in pixels of the full image
    1: [[0, 0], [20, 0], [20, 20], [0, 20]],
    2: [[40, 0], [60, 0], [40, 30]],
    5: [[100, 100], [120, 100], [120, 140], [100, 140]],
}
CENTRES = [[10, 10], [140 / 3, 10], [110, 120]]
CELL_COUNTS = np.array([[1, 0, 5, 0], [0, 2, 0, 0], [3, 0, 0, 7]])


def write_matrix(path: Path, counts: np.ndarray, barcodes: list[str]) -> None:
    write_10x_h5(path, counts, barcodes, GENE_IDS, SYMBOLS)


def write_spatial(folder: Path, **scales: float) -> None:
    folder.mkdir(parents=True)
    factors = {
        "tissue_hires_scalef": 0.5,
        "tissue_lowres_scalef": 0.1,
        "microns_per_pixel": UM_PER_PX,
        **scales,
    }
    (folder / "scalefactors_json.json").write_text(json.dumps(factors))
    write_png(folder / "tissue_hires_image.png", (100, 100))
    write_png(folder / "tissue_lowres_image.png", (20, 20))


def write_bins(outs: Path, size: int, counts: int) -> Path:
    """Three bins of `size` micrometres in a row under tissue, one beside; `counts` of every gene."""
    folder = outs / "binned_outputs" / f"square_{size:03d}um"
    side = size / UM_PER_PX
    write_spatial(folder / "spatial", bin_size_um=float(size), spot_diameter_fullres=side)
    names = [f"s_{size:03d}um_00000_{column:05d}-1" for column in range(4)]
    write_matrix(folder / "filtered_feature_bc_matrix.h5", np.full((3, 4), counts), names[:3])
    pd.DataFrame(
        {
            "barcode": names,
            "in_tissue": [1, 1, 1, 0],
            "array_row": 0,
            "array_col": range(4),
            "pxl_row_in_fullres": side / 2,
            "pxl_col_in_fullres": [side * (column + 0.5) for column in range(4)],
        }
    ).to_parquet(folder / "spatial" / "tissue_positions.parquet")
    return folder


def write_cells(outs: Path, polygons=None, barcodes=(1, 2, 5)) -> Path:
    """segmented_outputs; the polygons have another order than the matrix."""
    folder = outs / "segmented_outputs"
    write_spatial(folder / "spatial")
    names = [f"cellid_{number:09d}-1" for number in barcodes]
    write_matrix(folder / "filtered_feature_cell_matrix.h5", CELL_COUNTS, names)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[*corners, corners[0]]]},
            "properties": {"cell_id": number, "classification": {"name": "Cell", "color": [1, 2, 3]}},
        }
        for number, corners in reversed((polygons or POLYGONS).items())
    ]
    collection = {"type": "FeatureCollection", "features": features}
    (folder / "cell_segmentations.geojson").write_text(json.dumps(collection))
    return folder
