"""summarise.py: the cohort table, the report's content and its order, from records on disk."""

import csv

from helpers.fake_slices import fake_run, summarise_words
from helpers.scripts import run_script


def test_the_table_has_every_slice_and_the_content_every_section_and_their_order(tmp_path):
    fake_run(tmp_path, 2, failed=(1,))
    done = run_script("summarise", *summarise_words(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "slices.csv").open() as lines:
        assert [row["status"] for row in csv.DictReader(lines)] == ["passed", "failed"]
    written = {path.name for path in (tmp_path / "content").iterdir()}
    assert {"status_mqc.json", "general_statistics_mqc.json", "report_order.yaml"} <= written
