"""Small SpatialData stores with what a real one holds, in the words of the programs that write them."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

COUNTS = np.array([[1, 0, 5], [0, 2, 0], [3, 0, 7], [0, 1, 1]])  # 4 cells x 3 genes
CENTRES = np.array([[10.0, 20.0], [30.0, 20.0], [10.0, 50.0], [30.0, 50.0]])
SYMBOLS = ["ACTB", "GFAP", "CNP"]
CELLS = [f"cell{n}" for n in range(4)]
STAIN = np.arange(60 * 40, dtype=np.uint16).reshape(60, 40)  # darkest above, brightest below


def table(region="cells", counts=COUNTS, instances=None, region_key="region", instance_key="cell_id", **obs):
    """A table that describes `region`, one name or one per row."""
    from spatialdata.models import TableModel

    n = len(counts)
    regions = [region] * n if isinstance(region, str) else list(region)
    columns = {region_key: pd.Categorical(regions), instance_key: instances or CELLS[:n], **obs}
    adata = anndata.AnnData(
        sparse.csr_matrix(np.asarray(counts, dtype=np.float32)),
        obs=pd.DataFrame(columns, index=[f"row{i}" for i in range(n)]),
        var=pd.DataFrame(index=SYMBOLS),
    )
    return TableModel.parse(
        adata, region=sorted(set(regions)), region_key=region_key, instance_key=instance_key
    )


def squares(transformations, centres=CENTRES, side=4.0, index=None):
    """Polygons around `centres`, as a segmentation gives them."""
    from spatialdata.models import ShapesModel

    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * side / 2
    rings = (np.asarray(centres)[:, None] + corners).reshape(-1, 2)
    n = len(centres)
    offsets = (np.arange(n + 1) * 5, np.arange(n + 1))  # of rings and of polygons
    return ShapesModel.parse(
        rings,
        geometry=3,
        offsets=offsets,
        index=pd.Index(index or CELLS[:n]),
        transformations=transformations,
    )


def circles(transformations, centres, radius, index):
    """Spots, as spatialdata-io writes those of Visium."""
    from spatialdata.models import ShapesModel

    return ShapesModel.parse(
        np.asarray(centres), geometry=0, radius=radius, index=pd.Index(index), transformations=transformations
    )


def write(path: Path, tables, shapes=None, points=None, labels=None, images=None) -> Path:
    import spatialdata

    sdata = spatialdata.SpatialData(
        tables=tables, shapes=shapes or {}, points=points or {}, labels=labels or {}, images=images or {}
    )
    sdata.write(path)
    return path


def write_sopa(path: Path) -> Path:
    """As sopa leaves a Xenium section: image, transcripts in micrometres, cells in pixels of 0.2125 um.

    Cells have another order than the table.
    """
    from spatialdata.models import Image2DModel, PointsModel
    from spatialdata.transformations import Identity, Scale

    order = [2, 0, 3, 1]
    spots = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0], "feature_name": ["ACTB", "GFAP"], "qv": 40.0})
    scale = Scale([1 / 0.2125, 1 / 0.2125], axes=("x", "y"))
    return write(
        path,
        {"table": table("cellpose_boundaries", area=[4.0, 5.0, 6.0, 7.0], tissue=["a", "b", "a", "b"])},
        {
            "cellpose_boundaries": squares(
                {"global": Identity()}, CENTRES[order], index=[CELLS[n] for n in order]
            ),
            "image_patches": squares({"global": Identity()}, CENTRES[:1], side=100.0, index=["0"]),
        },
        {"transcripts": PointsModel.parse(spots, transformations={"global": scale})},
        images={"morphology": Image2DModel.parse(STAIN[None], dims=("c", "y", "x"))},
    )


def write_visium(path: Path) -> Path:
    """As spatialdata-io, behind nf-core/spatialvi, writes Visium: spots, a reduced system, no `global`."""
    from spatialdata.transformations import Identity, Scale

    places = np.array([[0, 0], [0, 2], [1, 1], [1, 3]])
    centres = np.column_stack([places[:, 1] * 50.0, places[:, 0] * 86.0])
    systems = {"S1": Identity(), "S1_downscaled_hires": Scale([0.1, 0.1], axes=("x", "y"))}
    described = table(
        "S1", instances=[0, 1, 2, 3], instance_key="spot_id", in_tissue=1,
        array_row=places[:, 0], array_col=places[:, 1],
    )  # fmt: skip
    return write(path, {"table": described}, {"S1": circles(systems, centres, 27.5, range(4))})


def write_visium_hd(path: Path) -> Path:
    """As spatialdata-io writes Visium HD: a table per bin size, with the circles of its bins."""
    from spatialdata.transformations import Identity

    tables, shapes = {}, {}
    for name, side in (("square_008um", 20.0), ("square_016um", 40.0)):
        tables[name] = table(f"S1_{name}", instances=[0, 1, 2, 3], instance_key="location_id")
        grid = np.array([[0, 0], [side, 0], [0, side], [side, side]])
        shapes[f"S1_{name}"] = circles({"S1": Identity()}, grid, side / 2, range(4))
    return write(path, tables, shapes)
