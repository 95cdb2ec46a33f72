"""Tables for the viewers of 10x: the names that they know, one labelling each, byte for byte."""

import pytest
from helpers.final_slices import BARCODES, BINS, CELLS, exported, final_data

SEGMENTED = [f"cellid_00000000{number}-1" for number in range(4)]


def names(folder):
    return sorted(path.name for path in (folder / "out").iterdir())


def test_loupe_gets_a_table_per_labelling_with_its_name_in_the_header(tmp_path):
    record = exported(tmp_path, "loupe", final_data())
    assert record.status == "passed"
    one, two, three, four = BARCODES
    assert (tmp_path / "out" / "S.loupe.domain.csv").read_bytes().decode() == (
        f"Barcode,domain\n{one},1\n{two},2\n{three},1\n{four},2\n"
    )
    assert (tmp_path / "out" / "S.loupe.annotation.csv").read_bytes().decode() == (
        f'Barcode,annotation\n{one},"grey, matter"\n{three},"grey, matter"\n{four},white\n'
    )


def test_a_labelling_that_repeats_another_and_the_plain_control_are_not_written(tmp_path):
    exported(tmp_path, "loupe", final_data())
    assert names(tmp_path) == ["S.loupe.annotation.csv", "S.loupe.domain.csv", "S.loupe.domain_baseline.csv"]


def test_xenium_explorer_gets_cell_ids_and_groups(tmp_path):
    record = exported(tmp_path, "xenium_explorer", final_data(CELLS, "xenium"))
    assert record.metrics["files"] == {
        "xenium_explorer": [
            "S.xenium_explorer.annotation.csv",
            "S.xenium_explorer.domain.csv",
            "S.xenium_explorer.domain_baseline.csv",
        ]
    }
    one, two, three, four = CELLS
    assert (tmp_path / "out" / "S.xenium_explorer.domain.csv").read_bytes().decode() == (
        f"cell_id,group\n{one},1\n{two},2\n{three},1\n{four},2\n"
    )


def test_cells_that_first_releases_numbered_are_known_by_their_platform(tmp_path):
    exported(tmp_path, "xenium_explorer", final_data(list("1234"), "xenium"))
    assert (tmp_path / "out" / "S.xenium_explorer.domain.csv").read_text().splitlines()[1] == "1,1"


@pytest.mark.parametrize("spots", [BARCODES, BINS, SEGMENTED])
def test_barcodes_of_space_ranger_are_known_whatever_file_they_came_in(tmp_path, spots):
    record = exported(tmp_path, "loupe", final_data(spots, "h5ad"))
    assert "loupe" in record.metrics["files"]


@pytest.mark.parametrize(
    ("spots", "platform", "tool", "words"),
    [
        (CELLS, "xenium", "loupe", "Loupe Browser shows results of Space Ranger, and the slice is"),
        (
            BARCODES,
            "visium",
            "xenium_explorer",
            "Xenium Explorer shows results of Xenium, and the slice is",
        ),
        (["1_1", "1_2", "1_3", "1_4"], "cosmx", "loupe", "Loupe Browser shows results of Space Ranger"),
        (list("1234"), "xenium", "loupe", "Loupe Browser shows results of Space Ranger"),
    ],
)
def test_a_tool_of_another_platform_is_noted_without_a_warning(tmp_path, spots, platform, tool, words):
    record = exported(tmp_path, tool, final_data(spots, platform))
    assert (record.status, record.reasons) == ("passed", [])
    assert record.metrics["not_meant"][tool].startswith(words)
    assert names(tmp_path) == []


def test_names_that_were_changed_are_a_warning_that_shows_one(tmp_path):
    spots = [f"donor1_{barcode}" for barcode in BARCODES]
    record = exported(tmp_path, "loupe", final_data(spots, "h5ad"))
    assert record.status == "warned"
    assert record.reasons[0].startswith(
        "loupe left out: Loupe Browser finds spots by the names that Space Ranger"
    )
    assert repr(spots[0]) in record.reasons[0]
