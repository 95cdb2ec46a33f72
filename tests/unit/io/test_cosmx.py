"""CosMx flat files become the canonical slice that was planted, in micrometres."""

import gzip

import numpy as np
import pandas as pd
import pytest
from helpers.imaging_tiny import AREA, COSMX_PX, COUNTS, GENES, write_cosmx
from helpers.reading import read_and_hear as read
from helpers.reading import refuses

from tissuegraph.io.readers import cell_tables


@pytest.mark.parametrize("packed", [False, True])
def test_counts_positions_and_quality_are_those_planted(tmp_path, packed):
    adata, said = read(write_cosmx(tmp_path / "slide", packed=packed))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert adata.X.format == "csr"
    assert adata.obs_names.tolist() == ["1_1", "1_2", "2_1", "2_3"]
    np.testing.assert_allclose(adata.obsm["spatial"], COSMX_PX * 0.12028, rtol=1e-12)
    assert adata.var_names.tolist() == GENES
    assert adata.obs["Area"].tolist() == AREA
    assert adata.obs["control_counts"].tolist() == [1, 0, 2, 4]
    assert list(adata.obs["fov"]) == ["1", "1", "2", "2"]
    assert list(adata.obs["cell"]) == ["c_1_1_1", "c_1_1_2", "c_1_2_1", "c_1_2_3"]
    assert adata.obs["Mean.DAPI"].tolist() == [7, 8, 9, 10]
    assert "patient_name" not in adata.obs
    assert (adata.uns["tissuegraph"]["platform"], adata.uns["tissuegraph"]["um_per_px"]) == ("cosmx", 1.0)
    assert adata.uns["tissuegraph"]["n_controls"] == 4
    assert said == []


def test_fields_of_the_first_instruments_have_larger_pixels_and_that_is_said(tmp_path):
    adata, said = read(write_cosmx(tmp_path / "slide", local_width=5400.0))
    np.testing.assert_allclose(adata.obsm["spatial"], COSMX_PX * 0.18, rtol=1e-12)
    (line,) = said
    assert line == (
        "fields of view are wider than 4300 pixels (CenterX_local_px reaches 5400), as those of the first "
        "instruments: a pixel is taken as 0.18 micrometres"
    )


@pytest.mark.parametrize("values", [1, 20, 1 << 24])
def test_the_size_of_the_pieces_changes_nothing(tmp_path, monkeypatch, values):
    monkeypatch.setattr(cell_tables, "VALUES", values)
    adata, _ = read(write_cosmx(tmp_path / "slide"))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    np.testing.assert_allclose(adata.obsm["spatial"], COSMX_PX * 0.12028, rtol=1e-12)


def change(path, how):
    table = how(pd.read_csv(path))
    table.to_csv(path, index=False)


def test_a_field_and_a_number_name_a_cell_once(tmp_path):
    run = write_cosmx(tmp_path / "slide")
    change(run / "S0_exprMat_file.csv", lambda table: pd.concat([table, table.iloc[[1]]]))
    with refuses("S0_exprMat_file.csv: 1 cells are there twice, e.g. 1_1; were slices joined into one file?"):
        read(run)


def test_two_slides_in_one_directory_are_refused(tmp_path):
    write_cosmx(tmp_path / "run")
    second = write_cosmx(tmp_path / "other", prefix="S1_")
    for path in second.iterdir():
        path.rename(tmp_path / "run" / path.name)
    with refuses("run holds 2 files *exprMat_file.csv (S0_exprMat_file.csv, S1_exprMat_file.csv); give each"):
        read(tmp_path / "run")


def test_what_is_missing_or_damaged_is_named_in_one_line(tmp_path):
    run = write_cosmx(tmp_path / "a")
    (run / "S0_metadata_file.csv").unlink()
    with refuses("a lacks *metadata_file.csv (or .csv.gz); copy the directory again"):
        read(run)
    run = write_cosmx(tmp_path / "a2")
    (run / "S0_exprMat_file.csv").unlink()
    with refuses("a2 lacks *exprMat_file.csv (or .csv.gz); copy the directory again"):
        read(run)
    run = write_cosmx(tmp_path / "b")
    change(run / "S0_metadata_file.csv", lambda table: table.drop(columns=["CenterX_global_px"]))
    with refuses("S0_metadata_file.csv lacks CenterX_global_px; expected fov, cell_ID, CenterX_global_px, "):
        read(run)
    run = write_cosmx(tmp_path / "c")
    change(run / "S0_exprMat_file.csv", lambda table: table.drop(columns=["cell_ID"]))
    with refuses("S0_exprMat_file.csv lacks cell_ID; expected fov, cell_ID and one column per gene"):
        read(run)
    run = write_cosmx(tmp_path / "d")
    change(run / "S0_metadata_file.csv", lambda table: table.assign(fov=table["fov"] + 50))
    with refuses("no cell of S0_exprMat_file.csv is in S0_metadata_file.csv (1_1 and 52_3); are both of one"):
        read(run)
    run = write_cosmx(tmp_path / "e")
    change(run / "S0_exprMat_file.csv", lambda table: table.iloc[:0])
    with refuses("S0_exprMat_file.csv has a header but no rows; expected one row per cell"):
        read(run)
    run = write_cosmx(tmp_path / "f")
    change(run / "S0_exprMat_file.csv", lambda table: table[table["cell_ID"] == 0])
    with refuses("S0_exprMat_file.csv holds background only: cell_ID is 0 in all 2 rows"):
        read(run)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: text.rindex(",")], "line 7 lacks counts; copy the file again"),
        (lambda text: text.replace("90", "x", 1), "is damaged: could not convert string to float: 'x'"),
        (lambda text: text.replace("90", "90,90", 1), "is damaged: "),
        (lambda text: "", "is empty; expected a table of text separated by commas"),
        (lambda text: text.replace(",", ";"), "has no ids of cells (its columns: fov;cell_ID;"),
    ],
)
def test_a_damaged_table_of_counts_is_named_in_one_line(tmp_path, damage, words):
    path = write_cosmx(tmp_path / "slide") / "S0_exprMat_file.csv"
    path.write_text(damage(path.read_text()))
    with refuses(f"S0_exprMat_file.csv{':' if words.startswith('line') else ''} {words}"):
        read(tmp_path / "slide")


def test_a_truncated_archive_is_named_in_one_line(tmp_path):
    path = write_cosmx(tmp_path / "slide", packed=True) / "S0_exprMat_file.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with refuses("S0_exprMat_file.csv.gz is truncated or damaged; copy it again"):
        read(tmp_path / "slide")


def test_text_that_is_no_table_is_named_in_one_line(tmp_path):
    path = write_cosmx(tmp_path / "slide", packed=True) / "S0_exprMat_file.csv.gz"
    path.write_bytes(gzip.compress(b"\xff\xfe\x00 binary" * 100))
    with refuses("S0_exprMat_file.csv.gz is not UTF-8 text; save it as UTF-8"):
        read(tmp_path / "slide")
