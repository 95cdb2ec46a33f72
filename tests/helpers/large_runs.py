"""Directories of Visium HD and Xenium at full size, written in chunks: a few GB of memory at any size."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from helpers.scale import CELL_SPACING_UM, draw_blocks
from tissuegraph.synthetic.expression import Programme, draw_programme
from tissuegraph.synthetic.settings import CELLS, PATCHY, SliceSettings
from tissuegraph.synthetic.tissue import Tissue, draw_tissue, scatter_cells

BIN_UM, UM_PER_PX = 8.0, 0.25
N_DOMAINS = 8
HD_DEPTH = 455.0  # transcripts per bin: 2 % of 18,000 genes are above zero
XENIUM_DEPTH = 120.0
CONTROLS = {"NegControlProbe": 20, "NegControlCodeword": 40, "UnassignedCodeword": 100}
_CONTROL_TYPES = {
    "NegControlProbe": "Negative Control Probe",
    "NegControlCodeword": "Negative Control Codeword",
    "UnassignedCodeword": "Unassigned Codeword",
}
_IMAGES = {"hires": 2000, "lowres": 600}  # longest side in pixels


def write_visium_hd(folder: Path, n_bins: int, n_genes: int = 18_000, seed: int = 0) -> float:
    """`outs` of bins of 8 um under tissue, with an annotation beside it. Returns the share of non-zeros."""
    # (the tissue's area is that of a hexagonal lattice, the bins' of a square one)
    settings = _settings(n_bins, n_genes, BIN_UM * np.sqrt(2 / np.sqrt(3)), HD_DEPTH, seed)
    tissue, programme = draw_tissue(settings), draw_programme(settings)
    n_columns, n_rows = (np.ceil(tissue.size / BIN_UM)).astype(int)
    row, column = np.divmod(np.arange(n_rows * n_columns), n_columns)
    position = (np.column_stack([column, row]) + 0.5) * BIN_UM
    innermost = np.argsort(-tissue.interior.at(position)[0], kind="stable")[:n_bins]
    under = np.zeros(len(position), dtype=bool)
    under[innermost] = True
    names = np.array([f"s_008um_{r:05d}_{c:05d}-1" for r, c in zip(row, column, strict=True)])

    bins = folder / "binned_outputs" / "square_008um"
    (bins / "spatial").mkdir(parents=True)
    features = (programme.gene_ids, programme.genes, ["Gene Expression"] * n_genes)
    share, domain = _write_matrix(
        bins / "filtered_feature_bc_matrix.h5", settings, tissue, programme, position[under], names[under],
        features,
    )  # fmt: skip
    places = {"barcode": names, "in_tissue": under.astype(int), "array_row": row, "array_col": column}
    places |= {
        "pxl_row_in_fullres": position[:, 1] / UM_PER_PX,
        "pxl_col_in_fullres": position[:, 0] / UM_PER_PX,
    }
    pd.DataFrame(places).to_parquet(bins / "spatial" / "tissue_positions.parquet")
    _write_images(bins / "spatial", tissue)
    _write_annotation(folder, names[under], domain)
    return share


def write_xenium(folder: Path, n_cells: int, n_genes: int = 300, seed: int = 0) -> float:
    """Output of n_cells cells, with annotation.csv beside it. Returns the share of non-zeros, of genes."""
    settings = _settings(n_cells, n_genes, CELL_SPACING_UM, XENIUM_DEPTH, seed)
    tissue, programme = draw_tissue(settings), draw_programme(settings)
    position = scatter_cells(settings.stream("places"), tissue, n_cells)
    position = position[np.argsort(position[:, 1] // 200, kind="stable")]  # by field of view, more or less
    names = np.array([f"{_letters(number)}-1" for number in range(n_cells)])
    controls = [f"{kind}_{number:05d}" for kind, n in CONTROLS.items() for number in range(n)]
    types = ["Gene Expression"] * n_genes + [_CONTROL_TYPES[name.split("_")[0]] for name in controls]
    features = ([*programme.gene_ids, *controls], [*programme.genes, *controls], types)
    folder.mkdir(parents=True)
    share, domain = _write_matrix(
        folder / "cell_feature_matrix.h5", settings, tissue, programme, position, names, features
    )
    cells = {"cell_id": names, "x_centroid": position[:, 0], "y_centroid": position[:, 1]}
    pd.DataFrame(cells | {"cell_area": 60.0}).to_parquet(folder / "cells.parquet")
    described = {"analysis_sw_version": "xenium-3.0.0.15", "num_cells": n_cells, "pixel_size": 0.2125}
    (folder / "experiment.xenium").write_text(json.dumps(described))
    _write_annotation(folder, names, domain)
    return share


def _settings(n: int, n_genes: int, pitch: float, depth: float, seed: int) -> SliceSettings:
    return SliceSettings(
        seed=seed, programme_seed=seed, architecture=PATCHY, lattice=CELLS, n_spots=n, n_genes=n_genes,
        n_domains=N_DOMAINS, pitch_um=pitch, softness_um=0.5 * CELL_SPACING_UM, depth=depth,
    )  # fmt: skip


def _write_matrix(
    path: Path, settings: SliceSettings, tissue: Tissue, programme: Programme, position: np.ndarray,
    barcodes: np.ndarray, features: tuple[Sequence[str], Sequence[str], Sequence[str]],
) -> tuple[float, np.ndarray]:  # fmt: skip
    """A 10x matrix whose arrays grow block by block; the share of non-zeros, and domains (N,).

    Features beyond the genes are controls with few counts.
    """
    n_features, n_genes = len(features[0]), len(programme.genes)
    rng = settings.stream("controls")
    domains, lengths, n_stored, n_in_genes = [], [], 0, 0
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        grown = {
            name: group.create_dataset(
                name, (0,), dtype, maxshape=(None,), chunks=(80_000,), compression="gzip",
                compression_opts=1, shuffle=True,
            )
            for name, dtype in (("data", "int32"), ("indices", "int64"))
        }  # fmt: skip
        for counts, domain in draw_blocks(settings, tissue, programme, position):
            n_in_genes += counts.nnz
            parts = [counts.tocoo()]
            row, column, value = parts[0].row, parts[0].col, parts[0].data
            if n_features > n_genes:
                extra = rng.integers(0, len(domain), len(domain) // 10)
                row = np.concatenate([row, np.unique(extra)])
                column = np.concatenate([column, rng.integers(n_genes, n_features, len(np.unique(extra)))])
                value = np.concatenate([value, np.ones(len(np.unique(extra)))])
            order = np.lexsort((column, row))
            for name, values in (("data", value[order]), ("indices", column[order])):
                grown[name].resize((n_stored + len(values),))
                grown[name][n_stored:] = values
            n_stored += len(value)
            lengths.append(np.bincount(row, minlength=len(domain)))
            domains.append(domain)
        group["indptr"] = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        group["shape"] = np.array([n_features, len(barcodes)])
        group["barcodes"] = np.array(barcodes, dtype="S")
        for name, values in zip(("id", "name", "feature_type"), features, strict=True):
            group[f"features/{name}"] = np.array(values, dtype="S")
        group["features/genome"] = np.array(["GRCh38"] * n_features, dtype="S")
    return n_in_genes / (len(barcodes) * n_genes), np.concatenate(domains)


def _write_images(spatial: Path, tissue: Tissue) -> None:
    """Grey domains on white with some grain, and the scale factors."""
    from PIL import Image

    factors = {
        "microns_per_pixel": UM_PER_PX,
        "bin_size_um": BIN_UM,
        "spot_diameter_fullres": BIN_UM / UM_PER_PX,
    }
    rng = np.random.default_rng(0)
    for name, longest in _IMAGES.items():
        step = tissue.size.max() / longest
        n_columns, n_rows = np.ceil(tissue.size / step).astype(int)
        x, y = np.meshgrid((np.arange(n_columns) + 0.5) * step, (np.arange(n_rows) + 0.5) * step)
        points = np.stack([x, y], axis=-1)
        shade = np.where(tissue.interior.at(points)[0] > 0, 120 + 12 * tissue.domain(points), 245)
        grain = rng.normal(0, 8, (*shade.shape, 3))
        pixels = (shade[..., None] * np.array([1.0, 0.8, 0.95]) + grain).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(spatial / f"tissue_{name}_image.png")
        factors[f"tissue_{name}_scalef"] = UM_PER_PX / step
    (spatial / "scalefactors_json.json").write_text(json.dumps(factors))


def _write_annotation(folder: Path, names: np.ndarray, domain: np.ndarray) -> None:
    labels = np.array([f"region {k + 1}" for k in range(N_DOMAINS)])[domain]
    path = folder.with_name(f"{folder.name}.annotation.csv")
    pd.DataFrame({"barcode": names, "label": labels}).to_csv(path, index=False)


def _letters(number: int) -> str:
    """Eight letters a to p, as Xenium writes the numbers of cells."""
    return "".join(chr(ord("a") + (number >> 4 * place & 15)) for place in range(7, -1, -1))
