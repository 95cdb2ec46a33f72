"""baseline.py: domains without a network."""

import numpy as np
import pandas as pd
import pytest
from helpers.scripts import invoke_script, run_script
from helpers.tiny import write_halves

from tissuegraph.records import read_record


def words(folder, *options):
    files = {"slice": "slice.h5ad", "spots": "spots.csv.gz", "domains": "domains.npz", "record": "b.json"}
    return [
        "--sample",
        "S",
        *(w for name, file in files.items() for w in (f"--{name}", folder / file)),
        *options,
    ]


@pytest.fixture
def halves(tmp_path):
    """Which half each kept spot of the slice lies in."""
    return tmp_path, write_halves(tmp_path)


def agreement(labels, half) -> float:
    """Share of spots in their half, whichever number it got."""
    return max((labels == half).mean(), (labels != half).mean())


def test_two_halves_are_two_domains_of_the_kept_spots(halves):
    folder, half = halves
    done = run_script("baseline", *words(folder, "--n-domains", 2), cwd=folder)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "domains.npz") as stored:
        assert agreement(stored["baseline"], half) > 0.95  # smoothing blurs the border
        assert len(stored["embedding"]) == len(half)
    metrics = read_record(folder / "b.json").metrics
    assert (metrics["n_domains"], metrics["n_domains_found"]) == (2, 2)


def test_a_number_of_domains_is_needed(halves):
    folder, _ = halves
    result = invoke_script("baseline", *words(folder))
    assert result.exit_code == 2
    assert "--n-domains" in result.output


def test_a_table_of_other_spots_fails_the_slice_and_not_the_run(halves):
    folder, _ = halves
    spots = pd.read_csv(folder / "spots.csv.gz", index_col=0)
    spots.iloc[::-1].to_csv(folder / "spots.csv.gz", index_label="barcode")
    assert invoke_script("baseline", *words(folder, "--n-domains", 2)).exit_code == 0
    assert read_record(folder / "b.json").status == "failed"
    assert not (folder / "domains.npz").exists()
