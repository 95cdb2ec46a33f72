"""simulate.py: slices and the samplesheet that runs them."""

import csv
from pathlib import Path

from helpers.scripts import run_script


def test_it_prints_the_sheet_it_wrote_whose_files_exist(tmp_path):
    done = run_script(
        "simulate", "--out", tmp_path / "out", "--preset", "test", "--n-slices", 1, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    sheet = Path(done.stdout.strip())
    assert sheet == tmp_path / "out" / "samplesheet.csv"
    (row,) = csv.DictReader(sheet.read_text().splitlines())
    assert (sheet.parent / row["path"]).exists()
    assert (sheet.parent / row["annotation"]).is_file()


def test_an_unknown_preset_is_refused_with_the_known_ones(tmp_path):
    done = run_script("simulate", "--out", tmp_path / "out", "--preset", "large", cwd=tmp_path)
    assert done.returncode == 2
    assert "'demo', 'test', 'cohort'" in done.stderr
