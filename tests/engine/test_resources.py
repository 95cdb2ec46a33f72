"""What processes ask for follows the size of their inputs: enough at the first attempt, and not much more.

The peaks were measured on whole sections (docs/deployment.md, "Resources").
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers.engine import LAUNCHER, ROOT, engine_environment

pytestmark = pytest.mark.pipeline

# Process, MB of its inputs, peak in MB
XENIUM = [
    ("INGEST", {"matrix": 43.6}, 1230),
    ("QC", {"slice": 116}, 633),
    ("GRAPH", {"slice": 116, "spots": 4.0}, 1535),
    ("BASELINE", {"slice": 116, "spots": 4.0}, 1335),
    ("TRAIN", {"arrays": 356}, 9441),
    ("CLUSTER", {"arrays": 356}, 1621),
    ("ASSEMBLE", {"parts": [116, 356, 248, 36, 23, 4]}, 1640),
]
VISIUM_HD = [
    ("INGEST", {"matrix": 231}, 2670),
    ("QC", {"slice": 623}, 1440),
    ("GRAPH", {"slice": 623, "spots": 4.0}, 2580),
    ("ESTIMATE", {"slice": 623, "spots": 4.0}, 2575),
    ("TRAIN", {"arrays": 259}, 7153),
    ("CLUSTER", {"arrays": 259}, 1144),
    ("ASSEMBLE", {"parts": [623, 259, 208, 30, 19, 4]}, 3624),
]
SMALL = [
    ("INGEST", {"matrix": 0.4}, 218),
    ("QC", {"slice": 1.0}, 91),
    ("GRAPH", {"slice": 1.0, "spots": 0.03}, 158),
    ("TRAIN", {"arrays": 2.8}, 650),
]
CHARACTERISED = [  # cortex: 3,639 spots of Visium, 1,049 cells of 166 genes of STARmap
    ("MARKERS", {"slice": 17.8}, 537),
    ("SPATIAL_GENES", {"slice": 17.8}, 425),
    ("MARKERS", {"slice": 1.1}, 254),
    ("SPATIAL_GENES", {"slice": 1.1}, 225),
    ("COMPLETE", {"found": 0.9}, 106),
]
LITTLE = 100  # MB that are not worth a second attempt
MEASURED = [*XENIUM, *VISIUM_HD, *SMALL, *CHARACTERISED]


def matrices(folder: Path) -> list[tuple[str, dict[str, object]]]:
    """Directories of platforms with files of known size, and what their rows say."""
    square = "binned_outputs/square_{}um/filtered_feature_bc_matrix.h5"
    files = {
        "visium/filtered_feature_bc_matrix.h5": 1000, "visium/raw_feature_bc_matrix.h5": 5000,
        "visium/filtered_feature_bc_matrix/matrix.mtx.gz": 600,
        "visium/filtered_feature_bc_matrix/x.tsv.gz": 300,
        "visium/spatial/image.png": 7000,
        f"hd/{square.format('008')}": 200, f"hd/{square.format('016')}": 3000,
        f"hd/{square.format('002')}": 9000,
        "store.zarr/tables/one/X/data": 400, "store.zarr/tables/one/obs": 300,
        "store.zarr/tables/square_002um/X": 90, "cosmx/Lung_raw_exprMat_file.csv.gz": 500,
        "merscope/cell_by_gene.csv": 400, "slide/MappedDGEForR.csv": 300,
    }  # fmt: skip
    for name, size in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(size))
    (folder / "linked").symlink_to(folder / "visium")
    (folder / "run").mkdir()
    (folder / "run" / "outs").symlink_to(folder / "visium")
    (folder / "slide" / "above").symlink_to(folder / "slide")  # in a circle
    (folder / "linked_store.zarr").symlink_to(folder / "store.zarr")
    (folder / "store.zarr" / "above").symlink_to(folder / "store.zarr")
    names = ["visium", "linked", "run", "hd", ("hd", {"bin_um": 16}), ("hd", {"bin_um": 2})]
    names += [
        ("store.zarr", {"table": "one"}),
        ("store.zarr", {"table": "square_002um"}),
        "cosmx",
        "merscope",
    ]
    names += ["slide", "slide/MappedDGEForR.csv", ("linked_store.zarr", {"table": "one"})]
    return [
        (str(folder / name), {}) if isinstance(name, str) else (str(folder / name[0]), name[1])
        for name in names
    ]


@pytest.fixture(scope="module")
def answer(tmp_path_factory) -> dict[str, object]:
    """What the formulas say: MEASURED first, then those of the tests below, by their place."""
    folder = tmp_path_factory.mktemp("needs")
    (folder / "small").write_bytes(b"1")
    (folder / "matrix.json").write_text(json.dumps(matrices(folder)))
    others = [
        ["QC", {"slice": 1000}, False, 2],  # attempt
        ["QC", {"slice": 1000}, True, 1],
        ["TRAIN", {"arrays": 1}, False, 1, "cpu"],
        ["TRAIN", {"arrays": 1}, False, 1, "cuda"],
        ["COHORT", {"slice": 100, "spots": [1, 2, 3]}, False, 1],
        ["TRAIN", {"arrays": 400, "runs": 1}, False, 1],
        ["TRAIN", {"arrays": 400, "runs": 3}, False, 1],
        ["ENCODE_HISTOLOGY", {"spots": 0, "more": 500}, False, 1],
    ]
    asked = [[name, sizes, False, 1] for name, sizes, _peak in MEASURED] + others
    (folder / "asked.json").write_text(json.dumps([[*each, *["cpu"] * (5 - len(each))] for each in asked]))
    script = ROOT / "tests" / "helpers" / "needs.nf"
    options = ["--asked", folder / "asked.json", "--matrix", folder / "matrix.json", "-ansi-log", "false"]
    finished = subprocess.run(
        [LAUNCHER, "run", script, *options], cwd=folder, env=engine_environment(folder),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"^NEEDS (.*)$", finished.stdout, re.M)
    assert found, finished.stdout + finished.stderr
    return json.loads(found[1])


@pytest.fixture
def others(answer) -> list[tuple[int, int]]:
    """Megabytes and minutes of what does not belong to MEASURED."""
    return [tuple(each) for each in answer["asked"][len(MEASURED) :]]


def test_a_section_of_any_size_gets_what_it_takes_and_at_most_twice_that(answer):
    for (name, sizes, peak), (asked, _minutes) in zip(MEASURED, answer["asked"], strict=False):
        assert 1.05 * peak < asked <= 2 * peak + LITTLE, (name, sizes)


def test_every_process_that_runs_a_command_has_its_formulas(answer):
    modules = {path: path.read_text() for path in Path(ROOT, "modules", "local").glob("*/main.nf")}
    names = {
        re.search(r"^process (\w+)", text, re.M)[1]: text for text in modules.values() if "exec:" not in text
    }
    assert set(answer["names"]) == set(names)
    for name, text in names.items():
        assert "memory { memoryFor(task)" in text, name
        assert "time { timeFor(task)" in text, name


def test_a_second_attempt_gets_twice_as_much(others):
    assert others[0] == (2 * (190 + 4300), 2 * (30 + 100))


def test_tasks_of_an_array_ask_for_the_same_before_their_inputs_are_known(others):
    assert others[1] == (4096, 120)


def test_libraries_of_a_gpu_are_counted_where_one_is_used(others):
    assert others[3][0] - others[2][0] == 2300


def test_a_group_needs_its_largest_section_and_the_spots_of_all(answer, others):
    assert others[4] == (750 + 5 * 100 + 41 * 6, 60 + 10 * 6)
    assert answer["largest"] == "asked.json"


def test_each_further_run_takes_its_time(others):
    assert (others[5][1], others[6][1]) == (60 + 100, 60 + 300)


def test_an_encoder_adds_what_it_takes(others):
    assert others[7][0] == 900


def test_of_a_directory_the_largest_form_of_the_counts_that_are_read_is_weighed(answer):
    assert answer["matrix"] == [1000, 1000, 1000, 200, 3000, 9000, 700, 90, 500, 40, 30, 30, 700]


def test_time_of_training_and_encoding_follows_what_is_asked_for(answer):
    epochs, none, on_cpu, on_gpu, by_hand, megabytes = answer["runs"]
    assert (epochs, none) == (5.9, 1)
    assert (on_cpu, on_gpu, by_hand) == (160, 2, 1)
    # 500,000 spots have 4 MB: five rings of 1,536 numbers each
    assert megabytes == 12 * 1024 - 400 + 0.5 * 1536 * 5 * 4
    assert megabytes > 12 * 1024 - 400 + 500_000 * 4 * 1536 * 5 / 2**20


def test_an_image_is_decoded_whole_up_to_the_largest_that_is_read(answer):
    assert answer["decoded"] == [400, 1500, 0]
