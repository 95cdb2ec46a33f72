"""Tiny slices that a person can check by hand, written as the platforms write them."""

import gzip
import json
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mmwrite

COUNTS = np.array([[1, 0, 5, 0], [0, 2, 0, 0], [3, 0, 0, 7]])  # 3 spots x 4 genes
BARCODES = ["AAA-1", "CCC-1", "GGG-1"]
GENE_IDS = ["ENSG1", "ENSG2", "ENSG3", "ENSG4"]
SYMBOLS = ["ACTB", "GFAP", "GFAP", "MT-CO1"]
XY = np.array([[100.0, 10.0], [200.0, 10.0], [100.0, 110.0]])  # x, y; nearest neighbours are 100 px apart
IMAGE_SHAPES = {"hires": (60, 110), "lowres": (12, 22)}  # of a full image 220 wide and 120 high
SCALEFACTORS = {"spot_diameter_fullres": 60.0, "tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.1}


def write_outs(
    folder: Path,
    *,
    header: bool = True,
    matrix: str = "h5",
    images: tuple[str, ...] = ("hires", "lowres"),
    in_tissue: tuple[int, ...] = (1, 1, 1),
    feature_types: tuple[str, ...] = ("Gene Expression",) * 4,
) -> Path:
    """A Space Ranger outs directory with three spots; the positions list one more, outside the tissue."""
    spatial = folder / "spatial"
    spatial.mkdir(parents=True)
    if matrix == "h5":
        write_matrix_h5(folder / "filtered_feature_bc_matrix.h5", feature_types)
    else:
        write_matrix_directory(folder / "filtered_feature_bc_matrix", feature_types)
    lines = ["barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres"] if header else []
    lines.append("TTT-1,0,9,9,900,900")
    for row in (2, 0, 1):  # not in the order of the matrix
        x, y = XY[row].astype(int)
        lines.append(f"{BARCODES[row]},{in_tissue[row]},{row},{row + 10},{y},{x}")
    name = "tissue_positions.csv" if header else "tissue_positions_list.csv"
    (spatial / name).write_text("\n".join(lines) + "\n")
    (spatial / "scalefactors_json.json").write_text(json.dumps(SCALEFACTORS))
    for name in images:
        write_png(spatial / f"tissue_{name}_image.png", IMAGE_SHAPES[name])
    return folder


def write_matrix_h5(path: Path, feature_types=("Gene Expression",) * 4) -> None:
    write_10x_h5(path, COUNTS, BARCODES, GENE_IDS, SYMBOLS, feature_types)


def write_10x_h5(path: Path, counts, barcodes, ids, names, feature_types=None) -> None:
    """Counts (N, G) dense; all features are of gene expression unless their types are given."""
    by_spot = sparse.csr_matrix(counts)  # 10x stores genes x spots by column: the same three arrays
    features = {"id": ids, "name": names, "feature_type": feature_types or ["Gene Expression"] * len(ids)}
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(barcodes, dtype="S")
        group["data"], group["indices"], group["indptr"] = by_spot.data, by_spot.indices, by_spot.indptr
        group["shape"] = np.array(by_spot.shape[::-1])
        for name, values in (features | {"genome": ["GRCh38"] * len(ids)}).items():
            group[f"features/{name}"] = np.array(values, dtype="S")


def write_matrix_directory(folder: Path, feature_types=("Gene Expression",) * 4) -> None:
    folder.mkdir()
    mmwrite(folder / "matrix.mtx", sparse.coo_matrix(COUNTS.T))
    plain = folder / "matrix.mtx"
    (folder / "matrix.mtx.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress("\n".join(BARCODES).encode()))
    features = zip(GENE_IDS, SYMBOLS, feature_types, strict=True)
    (folder / "features.tsv.gz").write_bytes(gzip.compress("\n".join(map("\t".join, features)).encode()))


def write_png(path: Path, shape: tuple[int, int], value: int = 200) -> Path:
    from PIL import Image

    Image.fromarray(np.full((*shape, 3), value, dtype=np.uint8)).save(path)
    return path


def tiny_anndata(counts=COUNTS, **obs) -> anndata.AnnData:
    """The same slice as AnnData."""
    return anndata.AnnData(
        X=sparse.csr_matrix(np.asarray(counts, dtype=np.float32)),
        obs=pd.DataFrame(obs, index=BARCODES),
        var=pd.DataFrame(index=["ACTB", "GFAP", "CNP", "MT-CO1"]),
        obsm={"spatial": XY.copy()},
    )


def write_h5ad(path: Path, adata: anndata.AnnData | None = None) -> Path:
    (tiny_anndata() if adata is None else adata).write_h5ad(path)
    return path


def write_halves(folder: Path) -> np.ndarray:
    """Write slice.h5ad and spots.csv.gz of 16 x 16 spots in two halves that express different genes.

    Quality control dropped every ninth spot; returns the half (0 or 1) of each kept one.
    """
    side, n_genes = 16, 40
    column, row = np.divmod(np.arange(side**2), side)
    half = (column >= side // 2).astype(int)
    rate = np.where((half[:, None] == 0) ^ (np.arange(n_genes) % 2 == 0), 6.0, 1.0)
    adata = anndata.AnnData(sparse.csr_matrix(np.random.default_rng(0).poisson(rate).astype(np.float32)))
    adata.obs_names = [f"spot{i}" for i in range(side**2)]
    adata.var_names = [f"gene{i}" for i in range(n_genes)]
    adata.var["gene_symbol"] = adata.var["gene_id"] = adata.var_names
    adata.uns["tissuegraph"] = {"pitch_px": 100.0}
    adata.obsm["spatial"] = np.column_stack([column, row]) * 100.0
    adata.write_h5ad(folder / "slice.h5ad")
    keep = np.arange(side**2) % 9 != 0
    pd.DataFrame({"keep": keep}, index=adata.obs_names).to_csv(folder / "spots.csv.gz", index_label="barcode")
    return half[keep]
