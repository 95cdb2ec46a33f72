"""From what a platform wrote to the canonical slice."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice, to_canonical
from tissuegraph.io.cleaning import clean
from tissuegraph.io.image_scale import image_scale, registered_scale
from tissuegraph.io.images import add_image, check_images
from tissuegraph.io.labels import labels_from_table
from tissuegraph.io.planes import check_one_plane
from tissuegraph.io.platforms import COLUMNS, PLATFORMS, WITH_COUNTS, expected
from tissuegraph.io.request import Request
from tissuegraph.io.scale import check_scale
from tissuegraph.io.tables import read_annotation

if TYPE_CHECKING:
    import anndata


def read_slice(request: Request) -> anndata.AnnData:
    """Read one slice into the canonical form; raises InputError with one line where it cannot be used."""
    return finish(read_raw(request), request)


def read_raw(request: Request) -> RawSlice:
    """What the platform's reader finds, nothing checked yet. Raises InputError."""
    platform = request.platform or detect_platform(request.path, request.counts_needed)
    if platform not in PLATFORMS:
        raise InputError(f"platform {platform!r} is unknown; expected {' or '.join(WITH_COUNTS)}")
    given = [name for name in COLUMNS if getattr(request, name) is not None]
    for name in given:
        if name not in PLATFORMS[platform].columns:
            request.warn(f"the column {name} says nothing about the platform {platform} and is ignored")
    return _reader(platform).read(request)


def finish(raw: RawSlice, request: Request) -> anndata.AnnData:
    """Annotation and images, what is no spot or no gene left out, then the checks of the canonical form.

    Raises InputError.
    """
    warn = request.warn
    table = None
    if request.annotation and request.annotation_column is None:
        table = read_annotation(Path(request.annotation), np.asarray(raw.barcodes, dtype=str).tolist())
    raw = clean(raw, warn, request.note)
    check_one_plane(raw, warn)
    if table is not None:
        raw.annotation = labels_from_table(table, raw.barcodes, warn)
    if raw.xy.shape == (len(raw.barcodes), 2) and len(raw.xy):
        off = check_images(raw, warn)
        if request.image and not request.image_matrix:
            if raw.fluorescence:  # histology is what is asked for
                raw.images, raw.scalefactors, raw.fluorescence = {}, {}, False
            if raw.um_per_px == 1:
                warn(
                    f"positions are micrometres, and {request.image.name} has no image_matrix: one pixel of "
                    f"it is taken for one micrometre"
                )
            off = add_image(raw, request.image, warn)
            if raw.image_px is not None and (told := image_scale(request.image)):
                raw.um_by_image = told[0] * raw.image_px, told[1]
        elif request.image:
            raw.um_by_image = registered_scale(request.image, request.image_matrix)
        if off.any():
            warn(f"{int(off.sum())} of {len(off)} spots lie off the image and were left out")
            raw = raw.select(~off)
    check_scale(request.um_per_px)
    raw.um_by_column, raw.assumed_spacing = request.um_per_px, request.assume_spacing
    return to_canonical(raw, request.sample, warn, request.note)


def detect_platform(path: Path, counts_needed: bool = True) -> str:
    """The first platform whose reader recognises the path; raises InputError where none does.

    Platforms without counts are not looked at where counts are needed.
    """
    if not path.exists():
        raise InputError(f"{path.name} does not exist")
    candidates = WITH_COUNTS if counts_needed else tuple(PLATFORMS)
    found = next((name for name in candidates if _reader(name).detect(path)), None)
    if found is None:
        raise InputError(f"{path.name} is neither {expected().replace(' or ', ' nor ')}")
    return found


def _reader(platform: str) -> Any:
    return import_module(PLATFORMS[platform].reader)


def describe(adata: anndata.AnnData) -> dict[str, Any]:
    """What the report says about a canonical slice."""
    settings = adata.uns[keys.TISSUEGRAPH]
    labels = adata.obs.get(keys.ANNOTATION)
    images = adata.uns.get(keys.SPATIAL, {}).get(settings["sample"], {}).get("images", {})
    found = {
        "platform": settings["platform"],
        "n_spots": adata.n_obs,
        "n_genes": adata.n_vars,
        keys.PITCH_PX: settings[keys.PITCH_PX],
        keys.UM_PER_PX: settings.get(keys.UM_PER_PX),
        keys.UM_PER_PX_SOURCE: settings.get(keys.UM_PER_PX_SOURCE),
        "n_labelled": 0 if labels is None else int(labels.notna().sum()),
        "n_labels": 0 if labels is None else len(labels.cat.categories),
        "images": sorted(images),
        keys.HAS_COUNTS: bool(settings.get(keys.HAS_COUNTS, True)),
    }
    return found | _controls(adata)


def _controls(adata: anndata.AnnData) -> dict[str, Any]:
    """How many controls a slice had, and their share of all counts; nothing where there were none."""
    n_controls = adata.uns[keys.TISSUEGRAPH].get(keys.N_CONTROLS)
    if not n_controls:
        return {}
    counted = float(adata.obs[keys.CONTROL_COUNTS].sum())
    share = counted / (counted + float(adata.X.sum(dtype=np.float64)))
    return {keys.N_CONTROLS: n_controls, "control_share": share}
