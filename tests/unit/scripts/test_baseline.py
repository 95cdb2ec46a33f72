"""baseline.py: domains without a network, with the number that was given or one that is estimated."""

import numpy as np
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
    assert (metrics["n_domains"], metrics["n_domains_given"]) == (2, True)
    assert metrics["n_domains_evidence"] is None


def test_without_a_number_it_is_estimated_and_the_evidence_kept(halves):
    folder, _ = halves
    result = invoke_script("baseline", *words(folder))
    assert result.exit_code == 0, result.output
    metrics = read_record(folder / "b.json").metrics
    assert (metrics["n_domains"], metrics["n_domains_given"]) == (2, False)
    assert max(metrics["n_domains_evidence"]["criterion"].items(), key=lambda pair: pair[1])[0] == "2"
