"""SpatialData: table, spots and image in one zarr, for napari-spatialdata, sopa, squidpy and their like."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tissuegraph import keys
from tissuegraph.exports.final import FinalSlice
from tissuegraph.io.readers.spatialdata_zarr import GLOBAL, MICROMETRES

if TYPE_CHECKING:
    import anndata

REGION, INSTANCE = "spatialdata_region", "spatialdata_instance"  # obs: the element, and the spot in it
TABLE = "table"
_POINT, _POLYGON = 0, 3  # kinds of geometry, as shapely numbers them
_CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) / 2  # of a square of side 1, closed


def write(final: FinalSlice, outdir: Path) -> None:
    """Write `<sample>.spatialdata.zarr`, a directory as spatialdata reads it.

    Elements: `table` with all of the h5ad but its image, `<sample>_spots`, and `<sample>_image` where there
    is one. All lie in full-resolution pixels and, where their size is known, in micrometres.
    """
    import spatialdata
    from spatialdata.models import Image2DModel, TableModel
    from spatialdata.transformations import Identity, Scale, Sequence

    data = final.read()
    image, factors = final.image(data)
    spots, um = f"{final.sample}_spots", final.um_per_px
    to_um = None if um is None else Scale([um, um], axes=("x", "y"))
    elements: dict[str, Any] = {}
    places = {GLOBAL: Identity()} | ({} if to_um is None else {MICROMETRES: to_um})
    elements[spots] = _shapes(final, data, factors, places)
    if image is not None:
        per_px = 1 / factors["tissue_hires_scalef"]
        to_px = Scale([per_px, per_px], axes=("x", "y"))
        places = {GLOBAL: to_px} | ({} if to_um is None else {MICROMETRES: Sequence([to_px, to_um])})
        elements[f"{final.sample}_image"] = Image2DModel.parse(
            np.moveaxis(image, -1, 0), dims=("c", "y", "x"), c_coords=["r", "g", "b"], transformations=places
        )
    elements[TABLE] = TableModel.parse(
        _table(data, spots), region=spots, region_key=REGION, instance_key=INSTANCE
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, of what its next release will do
        whole = spatialdata.SpatialData.init_from_elements(elements)
        whole.write(outdir / f"{final.sample}.spatialdata.zarr")


def _shapes(final: FinalSlice, data: anndata.AnnData, factors: Any, places: Any) -> Any:
    """Squares for bins, else circles: of the platform's diameter, or of the area of each cell."""
    import pandas as pd
    from spatialdata.models import ShapesModel

    xy = np.asarray(data.obsm[keys.SPATIAL], dtype=float)
    told = {"index": pd.Index(data.obs_names), "transformations": places}
    if not final.binned:
        return ShapesModel.parse(xy, geometry=_POINT, radius=_radius(final, data, factors), **told)
    rings = (xy[:, None] + _CORNERS * final.pitch).reshape(-1, 2)
    offsets = (np.arange(len(xy) + 1) * len(_CORNERS), np.arange(len(xy) + 1))  # of rings, of polygons
    return ShapesModel.parse(rings, geometry=_POLYGON, offsets=offsets, **told)


def _radius(final: FinalSlice, data: anndata.AnnData, factors: Any) -> np.ndarray:
    """Of each spot, (N,) full-resolution pixels; that of cells as large as the platform measured them."""
    radius = np.full(data.n_obs, factors.get("spot_diameter_fullres", 1.0) / 2)
    if final.platform in ("xenium", "visium_hd_cells") and "cell_area" in data.obs and final.um_per_px:
        area = data.obs["cell_area"].to_numpy(float)  # square micrometres
        known = np.isfinite(area) & (area > 0)
        radius[known] = np.sqrt(area[known] / np.pi) / final.um_per_px
    return radius


def _table(data: anndata.AnnData, spots: str) -> anndata.AnnData:
    """All but the image, under names that a zarr can hold, with the two columns that point to the spots."""
    import anndata
    import pandas as pd

    uns = {name: value for name, value in data.uns.items() if name != keys.SPATIAL}
    obs = data.obs.rename(columns=storable_names(data.obs))
    obs[REGION] = pd.Categorical([spots] * data.n_obs)
    obs[INSTANCE] = data.obs_names.to_numpy(object)
    return anndata.AnnData(
        X=data.X,
        obs=obs,
        var=data.var.rename(columns=storable_names(data.var)),
        uns=_renamed(uns),
        obsm=_renamed(data.obsm),
        layers=_renamed(data.layers),
        obsp=dict(data.obsp),
    )


def _renamed(mapping: Any) -> dict[str, Any]:
    names = storable_names(mapping)
    return {names[name]: value for name, value in mapping.items()}


def storable_names(names: Iterable[str]) -> dict[str, str]:
    """Name -> one of letters, digits, `_`, `-`, `.` that no other has, whatever its case, as zarr needs."""
    new: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = wanted = re.sub(r"[^\w.-]", "_", str(name)).lstrip("_") or "unnamed"
        number = 1
        while wanted.lower() in taken:
            wanted, number = f"{plain}_{number}", number + 1
        taken.add(wanted.lower())
        new[name] = wanted
    return new
