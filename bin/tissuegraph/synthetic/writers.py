"""Generated slices as files: Space Ranger `outs` folders, h5ad, full-resolution images, samplesheets."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tissuegraph.errors import SettingsError
from tissuegraph.synthetic.slices import UNLABELLED, SyntheticSlice

SHEET_COLUMNS = ("sample", "path", "platform", "n_domains", "group", "annotation")
SOMETIMES = ("teaches", "image", "patient", "condition")  # columns that are there where a row needs them
SPOT_DIAMETER_UM = 55.0
FIDUCIAL_DIAMETER_UM = 90.0
_POSITION_COLUMNS = (
    "barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres",
)  # fmt: skip


def write_space_ranger(slice_: SyntheticSlice, folder: Path, *, version: int = 2, hires: bool = True) -> Path:
    """Write FOLDER/outs as Space Ranger does, and FOLDER/annotation.csv; returns the outs path.

    version 1 writes `tissue_positions_list.csv` without header, 2 and later `tissue_positions.csv`.
    """
    outs = Path(folder) / "outs"
    spatial = outs / "spatial"
    spatial.mkdir(parents=True, exist_ok=True)
    _write_matrix(slice_, outs / "filtered_feature_bc_matrix.h5")
    _write_positions(slice_, spatial, version)
    images, factors = _images(slice_, hires)
    for name, image in images.items():
        write_image(image, spatial / f"tissue_{name}_image.png")
    (spatial / "scalefactors_json.json").write_text(json.dumps(factors))
    write_annotation(slice_, Path(folder) / "annotation.csv")
    return outs


def write_h5ad(
    slice_: SyntheticSlice,
    path: Path,
    *,
    label: str = "layer",
    image: bool = True,
    columns: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write the slice as AnnData: raw counts in X, obsm['spatial'], the truth in obs[label].

    columns: (N,) values of further columns of obs.
    """
    import anndata
    import pandas as pd

    annotation = pd.Categorical(np.where(slice_.annotation == UNLABELLED, None, slice_.annotation))
    obs = pd.DataFrame({label: annotation, **(columns or {})}, index=pd.Index(slice_.barcodes))
    if slice_.array_row[0] >= 0:
        obs = obs.assign(in_tissue=1, array_row=slice_.array_row, array_col=slice_.array_col)
    var = pd.DataFrame({"gene_ids": slice_.gene_ids}, index=pd.Index(slice_.genes))
    data = anndata.AnnData(slice_.counts.astype(np.float32), obs=obs, var=var)
    data.obsm["spatial"] = slice_.position.astype(np.float64)
    if image:
        images, factors = _images(slice_, hires=True)
        data.uns["spatial"] = {Path(path).stem: {"images": images, "scalefactors": factors}}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    data.write_h5ad(path, compression="gzip")
    return Path(path)


def write_annotation(slice_: SyntheticSlice, path: Path) -> Path:
    """Write `barcode,label` for the labelled spots."""
    with open(path, "w", newline="") as handle:
        rows = csv.writer(handle, lineterminator="\n")
        rows.writerow(["barcode", "label"])
        labelled = slice_.annotation != UNLABELLED
        rows.writerows(zip(slice_.barcodes[labelled], slice_.annotation[labelled], strict=True))
    return Path(path)


def write_full_resolution(slice_: SyntheticSlice, path: Path) -> Path:
    """Draw the full-resolution image, in which positions are pixels, as .tif(f), .jpg or .png."""
    image, _ = slice_.image(max(slice_.image_size))
    return write_image(image, path)


def write_image(image: np.ndarray, path: Path) -> Path:
    """Write uint8 (H, W, 3) as PNG, JPEG or tiled TIFF, by the ending of the name."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    ending = path.suffix.lower()
    if ending in (".tif", ".tiff"):
        import tifffile

        tifffile.imwrite(path, image, photometric="rgb", tile=(256, 256), compression="zlib", metadata=None)
    elif ending in (".png", ".jpg", ".jpeg"):
        from PIL import Image

        options = {"compress_level": 3} if ending == ".png" else {"quality": 90}
        Image.fromarray(image).save(path, **options)
    else:
        raise SettingsError(f"cannot write an image named '{path.name}'; use .tif, .jpg or .png")
    return path


def write_samplesheet(rows: Iterable[Mapping[str, object]], path: Path) -> Path:
    """Write rows as CSV with the columns of the pipeline's samplesheet; some only where given.

    Paths are written relative to the sheet, so that the folder can be moved.
    """
    beside = path.parent
    rows = [
        {name: value.relative_to(beside) if isinstance(value, Path) else value for name, value in row.items()}
        for row in rows
    ]
    columns = SHEET_COLUMNS + tuple(name for name in SOMETIMES if any(row.get(name) for row in rows))
    with open(path, "w", newline="") as handle:
        sheet = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        sheet.writeheader()
        sheet.writerows(rows)
    return Path(path)


def _images(slice_: SyntheticSlice, hires: bool) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Images by name (hires, lowres) and Space Ranger's scale factors."""
    settings = slice_.settings
    from PIL import Image

    image, scale = slice_.image(settings.hires_px)
    height, width = image.shape[:2]
    shrink = settings.lowres_px / max(height, width)
    small = Image.fromarray(image).resize(
        (max(round(width * shrink), 1), max(round(height * shrink), 1)), Image.Resampling.BOX
    )
    factors = {
        "tissue_hires_scalef": scale,
        "tissue_lowres_scalef": scale * shrink,
        "spot_diameter_fullres": SPOT_DIAMETER_UM / settings.um_per_px,
        "fiducial_diameter_fullres": FIDUCIAL_DIAMETER_UM / settings.um_per_px,
    }
    images = {"hires": image, "lowres": np.asarray(small)}
    if not hires:
        del images["hires"]
    return images, factors


def _write_matrix(slice_: SyntheticSlice, path: Path) -> None:
    """The HDF5 layout of Cell Ranger 3 and later: genes x barcodes by columns, hence spots by rows."""
    import h5py

    genome = "GRCh38" if slice_.settings.species == "human" else "mm10"
    counts = slice_.counts
    n_spots, n_genes = counts.shape
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    with h5py.File(path, "w") as file:
        file.attrs["filetype"] = "matrix"
        file.attrs["chemistry_desc"] = "generated"
        file.attrs["version"] = 2
        file.attrs["library_ids"] = np.array([b"generated"])
        file.attrs["original_gem_groups"] = np.array([1])
        matrix = file.create_group("matrix")
        matrix.create_dataset("barcodes", data=slice_.barcodes.astype("S"), **packed)
        matrix.create_dataset("data", data=counts.data.astype(np.int32), **packed)
        matrix.create_dataset("indices", data=counts.indices.astype(np.int64), **packed)
        matrix.create_dataset("indptr", data=counts.indptr.astype(np.int64), **packed)
        matrix.create_dataset("shape", data=np.array([n_genes, n_spots], dtype=np.int32))
        features = matrix.create_group("features")
        features.create_dataset("id", data=slice_.gene_ids.astype("S"), **packed)
        features.create_dataset("name", data=slice_.genes.astype("S"), **packed)
        features.create_dataset("feature_type", data=np.full(n_genes, b"Gene Expression"), **packed)
        features.create_dataset("genome", data=np.full(n_genes, genome.encode()), **packed)
        features.create_dataset("_all_tag_keys", data=np.array([b"genome"]))


def _write_positions(slice_: SyntheticSlice, folder: Path, version: int) -> None:
    """All places of the lattice in lattice order, on tissue or not."""
    if slice_.array_row[0] < 0:
        raise SettingsError("scattered cells have no lattice; write them as h5ad")
    off = slice_.off_tissue
    barcode = np.concatenate([slice_.barcodes, off["barcode"]])
    row = np.concatenate([slice_.array_row, off["row"]])
    column = np.concatenate([slice_.array_col, off["column"]])
    x, y = np.concatenate([slice_.position, off["position"]]).astype(int).T
    on = np.arange(len(barcode)) < len(slice_.barcodes)
    with open(
        folder / ("tissue_positions.csv" if version > 1 else "tissue_positions_list.csv"), "w"
    ) as handle:
        if version > 1:
            handle.write(",".join(_POSITION_COLUMNS) + "\n")
        for i in np.lexsort((column, row)):
            handle.write(f"{barcode[i]},{int(on[i])},{row[i]},{column[i]},{y[i]},{x[i]}\n")
