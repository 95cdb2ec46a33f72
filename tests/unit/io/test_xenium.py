"""A Xenium output directory of any version becomes the canonical slice that was planted."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
from helpers.imaging_tiny import AREA, COUNTS, GENES, XENIUM_IDS, XY_UM, write_morphology, write_xenium
from helpers.reading import read_and_hear as read
from helpers.reading import refuses
from PIL import Image

from tissuegraph.io import stored


@pytest.mark.parametrize(
    ("version", "matrix", "cells", "ids"),
    [
        ("xenium-1.0.1", "directory", "cells.csv.gz", ["1", "2", "3", "4"]),
        ("xenium-1.0.2", "h5", "cells.parquet", ["1", "2", "3", "4"]),
        ("Xenium-1.3.0.5", "h5", "cells.csv.gz", XENIUM_IDS),
        ("xenium-2.0.0.10", "h5", "cells.parquet", XENIUM_IDS),
        ("xenium-3.1.0.4", "directory", "cells.csv", XENIUM_IDS),
    ],
)
def test_every_version_and_layout_gives_counts_positions_and_areas(tmp_path, version, matrix, cells, ids):
    adata, said = read(write_xenium(tmp_path / "run", version=version, matrix=matrix, cells=cells))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert adata.X.format == "csr"
    assert adata.obs_names.tolist() == ids
    np.testing.assert_array_equal(adata.obsm["spatial"], XY_UM)
    assert adata.var["gene_symbol"].tolist() == GENES
    assert adata.var["gene_id"].tolist() == ["ENSG0", "ENSG1", "ENSG2"]
    assert adata.obs["cell_area"].tolist() == AREA
    assert adata.obs["control_counts"].tolist() == [1, 0, 2, 2]
    assert adata.obs["control_probe_counts"].tolist() == [1, 0, 0, 0]
    assert adata.obs["xenium_total_counts"].tolist() == [6, 2, 12, 7]  # total_counts is what QC writes
    settings = adata.uns["tissuegraph"]
    assert (settings["platform"], settings["um_per_px"]) == ("xenium", 1.0)
    assert settings["pitch_px"] == 12.5
    assert settings["n_controls"] == 5
    assert said == []


def test_a_run_without_its_description_is_detected_by_its_tables(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    (run / "experiment.xenium").unlink()
    adata, said = read(run)
    assert adata.uns["tissuegraph"]["platform"] == "xenium"
    assert said == []


def test_the_directory_above_outs_will_do(tmp_path):
    write_xenium(tmp_path / "run" / "outs", controls=False)
    assert read(tmp_path / "run")[0].n_obs == 4


def test_transcripts_boundaries_and_the_stack_are_not_touched(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    for name in ("transcripts.parquet", "cell_boundaries.parquet", "morphology.ome.tif", "cells.zarr.zip"):
        (run / name).write_bytes(b"no such file")
    assert read(run)[1] == []


def test_ids_kept_as_bytes_are_read(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    table = pd.read_parquet(run / "cells.parquet")
    table["cell_id"] = [name.encode() for name in table["cell_id"]]
    table.to_parquet(run / "cells.parquet")
    assert read(run)[0].obs_names.tolist() == XENIUM_IDS


def test_a_cell_without_a_row_in_the_table_is_left_out_and_said(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    table = pd.read_parquet(run / "cells.parquet")
    table[table["cell_id"] != XENIUM_IDS[1]].to_parquet(run / "cells.parquet")
    adata, said = read(run)
    assert adata.obs_names.tolist() == [XENIUM_IDS[0], *XENIUM_IDS[2:]]
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS[[0, 2, 3]])
    assert said == ["1 of 4 cells are not in cells.parquet and were left out"]


def test_a_description_of_another_run_or_version_is_said(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    described = {"analysis_sw_version": "xenium-7.0.1", "num_cells": 36602}
    (run / "experiment.xenium").write_text(json.dumps(described))
    assert read(run)[1] == [
        "experiment.xenium declares 36,602 cells and the matrix has 4: are both of one run?",
        "experiment.xenium: version 7.0 is not known; versions 1 to 3 are",
    ]
    (run / "experiment.xenium").write_text("{")
    assert read(run)[1] == ["experiment.xenium is not valid JSON and was ignored"]


def change_cells(run, change):
    table = pd.read_parquet(run / "cells.parquet")
    change(table).to_parquet(run / "cells.parquet")


def test_what_is_missing_or_truncated_is_named_in_one_line(tmp_path):
    run = write_xenium(tmp_path / "a")
    (run / "cells.parquet").unlink()
    with refuses("a lacks cells.parquet (or cells.csv.gz); copy the directory again"):
        read(run)
    run = write_xenium(tmp_path / "b")
    (run / "cell_feature_matrix.h5").rename(run / "cell_feature_matrix.tar.gz")
    with refuses(
        "b lacks cell_feature_matrix.h5 and cell_feature_matrix/; unpack cell_feature_matrix.tar.gz"
    ):
        read(run)
    run = write_xenium(tmp_path / "c")
    content = (run / "cells.parquet").read_bytes()
    (run / "cells.parquet").write_bytes(content[: len(content) // 2])
    with refuses("cells.parquet cannot be read: truncated or damaged; copy it again"):
        read(run)
    run = write_xenium(tmp_path / "d", cells="cells.csv.gz")
    content = (run / "cells.csv.gz").read_bytes()
    (run / "cells.csv.gz").write_bytes(content[: len(content) // 2])
    with refuses("cells.csv.gz is truncated or damaged; copy it again"):
        read(run)


def test_wrong_columns_and_ids_are_named_in_one_line(tmp_path):
    run = write_xenium(tmp_path / "a")
    change_cells(run, lambda table: table.drop(columns=["x_centroid"]))
    with refuses("cells.parquet lacks x_centroid; expected cell_id, x_centroid, y_centroid"):
        read(run)
    run = write_xenium(tmp_path / "b")
    change_cells(run, lambda table: table.assign(cell_id=[f"other{n}" for n in range(5)]))
    with refuses(
        "no cell of cell_feature_matrix.h5 is in cells.parquet (aaaaficg-1 and other0); are both of"
    ):
        read(run)
    run = write_xenium(tmp_path / "c")
    change_cells(run, lambda table: table.iloc[:0])
    with refuses("cells.parquet has no rows; expected one row per cell"):
        read(run)
    run = write_xenium(tmp_path / "d")
    change_cells(run, lambda table: table.assign(cell_id=XENIUM_IDS[0]))
    with refuses("cells.parquet: 4 cells are there twice, e.g. aaaaficg-1; were slices joined"):
        read(run)
    run = write_xenium(tmp_path / "e")
    change_cells(run, lambda table: table.assign(y_centroid="far"))
    with refuses('cells.parquet: Unable to parse string "far" at position 0; expected numbers in y_centroid'):
        read(run)
    run = write_xenium(tmp_path / "f")
    with h5py.File(run / "cell_feature_matrix.h5", "a") as file:
        del file["matrix/features"]
    with refuses(
        "cell_feature_matrix.h5 is no 10x feature-barcode matrix of Space Ranger: group matrix/feat"
    ):
        read(run)


def test_an_annotation_is_a_table(tmp_path):
    with refuses("annotation: 'layer' is no table; for Xenium data give a .csv of barcode and label"):
        read(write_xenium(tmp_path / "run"), annotation="layer")


def nuclei() -> np.ndarray:
    """A dark section of 600 x 4,800 pixels with a bright nucleus of 10 um at each cell, and others below."""
    pixels = np.full((600, 4800), 40, np.uint16)
    pixels += np.random.default_rng(0).integers(0, 20, pixels.shape, dtype=np.uint16)
    row, column = np.indices(pixels.shape, sparse=True)
    others = [(x, y) for x in range(50, 4800, 200) for y in (350, 500)]
    for x, y in [*XY_UM / 0.2125, *others]:
        pixels[(row - y) ** 2 + (column - x) ** 2 < 23**2] = 900
    return pixels


@pytest.mark.parametrize(
    "name",
    [
        "morphology_focus/ch0000_dapi.ome.tif",
        "morphology_focus/morphology_focus_0000.ome.tif",
        "morphology_focus.ome.tif",
        "morphology_mip.ome.tif",
    ],
)
def test_the_nuclear_stain_lies_under_the_cells_of_every_version(tmp_path, name):
    run = write_xenium(tmp_path / "run", controls=False)
    write_morphology(run / name, nuclei(), neighbour="not_shipped.ome.tif" if "/" in name else None)
    adata, said = read(run)
    assert said == []
    (library,) = adata.uns["spatial"].values()
    picture, scale = library["images"]["hires"], library["scalefactors"]["tissue_hires_scalef"]
    # the halved version is the smallest with 2,000 pixels, reduced to these
    assert picture.shape == (250, 2000, 3)
    column, row = np.rint(adata.obsm["spatial"] * scale).astype(int).T
    assert picture[row, column].min() > 240
    assert np.median(picture) < 10


def test_nothing_that_reads_histology_is_given_the_stain(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    write_morphology(run / "morphology_focus.ome.tif", nuclei())
    adata, _ = read(run)
    adata.write_h5ad(tmp_path / "slice.h5ad")
    assert stored.read_images(tmp_path / "slice.h5ad") == ({}, {})
    # nor when the result is read again
    again, _ = read(tmp_path / "slice.h5ad")
    assert again.uns["tissuegraph"]["fluorescence"]


def test_the_stain_gives_way_to_histology(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    write_morphology(run / "morphology_focus.ome.tif", nuclei())
    Image.new("RGB", (60, 50), (200, 120, 160)).save(tmp_path / "he.png")
    adata, said = read(run, image=tmp_path / "he.png")
    (library,) = adata.uns["spatial"].values()
    assert library["images"]["hires"].shape == (50, 60, 3)
    assert "fluorescence" not in adata.uns["tissuegraph"]
    assert "positions are micrometres, and he.png has no image_matrix" in " ".join(said)


@pytest.mark.parametrize("damage", ["empty", "truncated", "flat", "colours"])
def test_a_stain_that_cannot_be_shown_is_a_warning(tmp_path, damage):
    run = write_xenium(tmp_path / "run", controls=False)
    path = run / "morphology_mip.ome.tif"
    if damage == "colours":
        tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    else:
        write_morphology(path, nuclei() if damage != "flat" else np.full((600, 2400), 7, np.uint16))
    if damage in ("empty", "truncated"):
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:5000])
    adata, said = read(run)
    assert adata.n_obs == 4
    assert "spatial" not in adata.uns
    (line,) = said
    assert line.startswith("morphology_mip.ome.tif is not shown: ")
    assert "\n" not in line


def test_the_size_of_a_pixel_is_that_of_the_run(tmp_path):
    run = write_xenium(tmp_path / "run", controls=False)
    (run / "experiment.xenium").write_text(json.dumps({"pixel_size": 0.425}))
    write_morphology(run / "morphology_focus.ome.tif", nuclei()[::2, ::2])
    (library,) = read(run)[0].uns["spatial"].values()
    assert library["scalefactors"]["tissue_hires_scalef"] == pytest.approx(2000 / 2400 / 0.425)
