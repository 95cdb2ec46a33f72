"""Options of the engine beside parameters; test_resume tries that text and types mean the same."""

from __future__ import annotations

import pytest

from .conftest import ROOT, run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> str:
    row = {"sample": "a", "path": str(ROOT / "tests" / "data" / "patchy.h5ad"), "n_domains": "3"}
    return str(write_sheet(tmp_path_factory.mktemp("sheet") / "sheet.csv", [row]))


def test_a_second_place_for_results_is_refused_in_one_line(tmp_path, sheet, opening):
    words = ("-stub", "--input", sheet, "-output-dir", "elsewhere")
    run = run_pipeline(tmp_path, *words, project=opening)
    assert run.code != 0
    (line,) = [line for line in run.output.splitlines() if "-output-dir" in line]
    assert line.startswith(f"-output-dir: '{tmp_path / 'elsewhere'}' - expected --outdir alone")
    assert not (tmp_path / "elsewhere").exists()
