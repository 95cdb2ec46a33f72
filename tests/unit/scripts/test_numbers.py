"""estimate.py and pool_numbers.py: from slices to one number of domains."""

import pytest
from helpers.scripts import invoke_script, run_script
from helpers.tiny import write_halves

from tissuegraph.records import read_record


@pytest.fixture
def folder(tmp_path):
    """A slice of two halves."""
    write_halves(tmp_path)
    (tmp_path / "evidence").mkdir()
    return tmp_path


def estimate(folder, sample):
    words = ["--sample", sample, "--slice", folder / "slice.h5ad", "--spots", folder / "spots.csv.gz"]
    words += ["--n-seeds", 2, "--evidence", folder / "evidence" / f"{sample}.evidence.npz"]
    return [*words, "--record", folder / "estimate.json"]


def pooled(folder):
    return ["--sample", "group:a", "--evidence", folder / "evidence", "--record", folder / "pool.json"]


def test_two_halves_are_two_domains_in_both_seeds(folder):
    done = run_script("estimate", *estimate(folder, "a"), cwd=folder)
    assert done.returncode == 0, done.stderr
    metrics = read_record(folder / "estimate.json").metrics
    assert (metrics["n_domains"], metrics["by_seed"]) == (2, [2, 2])


def test_the_pooled_number_comes_with_its_range_and_the_choice_of_every_section(folder):
    for sample in ("a", "b.2"):
        assert invoke_script("estimate", *estimate(folder, sample)).exit_code == 0
    done = run_script("pool_numbers", *pooled(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    record = read_record(folder / "pool.json")
    assert (record.sample, record.step) == ("group:a", "pool_numbers")
    assert record.metrics["n_domains"] == 2
    assert record.metrics["n_domains_low"] <= 2 <= record.metrics["n_domains_high"]
    assert record.metrics["by_section"] == {"a": 2, "b.2": 2}
    assert set(record.metrics["n_domains_evidence"]) == {"criterion", "stability", "gain"}


def test_without_any_evidence_the_record_says_so(folder):
    assert invoke_script("pool_numbers", *pooled(folder)).exit_code == 0
    record = read_record(folder / "pool.json")
    assert record.status == "warned"
    assert record.metrics["n_domains"] == 1
