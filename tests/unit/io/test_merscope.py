"""A MERSCOPE region becomes the canonical slice that was planted."""

import re

import numpy as np
import pytest
from helpers.imaging_tiny import AREA, COUNTS, GENES, MERSCOPE_IDS, XY_UM, write_merscope
from helpers.reading import read_and_hear as read
from helpers.reading import refuses


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"packed": True},
        {"id_name": None},  # as the first versions wrote it
        {"prefix": "datasets_mouse_brain_"},  # as published data are called
    ],
)
def test_counts_positions_and_quality_are_those_planted(tmp_path, layout):
    adata, said = read(write_merscope(tmp_path / "region_0", **layout))
    np.testing.assert_array_equal(adata.X.toarray(), COUNTS)
    assert adata.X.format == "csr"
    assert adata.obs_names.tolist() == MERSCOPE_IDS
    np.testing.assert_array_equal(adata.obsm["spatial"], XY_UM)
    assert adata.var_names.tolist() == GENES
    assert adata.obs["volume"].tolist() == AREA
    assert adata.obs["control_counts"].tolist() == [3, 1, 0, 2]
    assert (adata.uns["tissuegraph"]["platform"], adata.uns["tissuegraph"]["um_per_px"]) == ("merscope", 1.0)
    assert adata.uns["tissuegraph"]["n_controls"] == 2
    assert said == []


def rewrite(path, change):
    path.write_text(change(path.read_text()))


def test_what_is_missing_or_wrong_is_named_in_one_line(tmp_path):
    run = write_merscope(tmp_path / "a")
    (run / "cell_metadata.csv").unlink()
    with refuses("a lacks cell_metadata.csv (or .csv.gz); copy the directory again"):
        read(run)
    run = write_merscope(tmp_path / "b")
    (run / "cell_by_gene.csv").unlink()
    with refuses("b lacks cell_by_gene.csv (or .csv.gz); copy the directory again"):
        read(run)
    run = write_merscope(tmp_path / "c")
    rewrite(run / "cell_metadata.csv", lambda text: text.replace("center_x", "x"))
    with refuses("cell_metadata.csv lacks center_x; expected EntityID, center_x, center_y"):
        read(run)
    run = write_merscope(tmp_path / "d")
    rewrite(run / "cell_metadata.csv", lambda text: text.splitlines()[0] + "\n")
    with refuses("cell_metadata.csv has no rows; expected one row per cell"):
        read(run)
    run = write_merscope(tmp_path / "e")
    rewrite(run / "cell_by_gene.csv", lambda text: re.sub(r"^\d", "9", text, flags=re.MULTILINE))
    with refuses(
        "no cell of cell_by_gene.csv is in cell_metadata.csv (9108834247646119244002216399163142534"
    ):
        read(run)
    run = write_merscope(tmp_path / "f")
    rewrite(run / "cell_by_gene.csv", lambda text: text.replace(",4,", ",4.5,"))
    with refuses("expected raw counts (whole numbers of at least 0), found 4.5"):
        read(run)
    run = write_merscope(tmp_path / "g")
    (run / "cell_by_gene.csv").write_bytes(b"PAR1" + bytes(100))
    with refuses("cell_by_gene.csv is a parquet file; expected a table of text separated by commas"):
        read(run)
