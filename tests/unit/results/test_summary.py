"""What the summary of a slice takes from the records of the steps that measured it."""

import pytest

from tissuegraph.errors import InputError
from tissuegraph.records import Record
from tissuegraph.results import summary

QC = {
    "n_spots_raw": 50,
    "n_spots": 38,
    "median_counts": 100.0,
    "median_genes": 3.0,
    "median_mito": None,
    "histograms": {"counts": {"edges": [1, 10], "counts": [50]}, "genes": None, "mito": None},
}
DEGREE = {"mean": 2.0, "min": 1, "max": 3, "isolated": 0, "distribution": [[1, 50.0], [3, 50.0]]}


def graph(method, mean):
    degrees = {"spatial_degree": {**DEGREE, "mean": mean}, "feature_degree": DEGREE}
    return Record("S", "graph", metrics={"method": method, **degrees})


def test_spots_and_medians_are_those_of_the_qc_record():
    found = summary.spot_summary([Record("S", "ingest"), Record("S", "qc", metrics=QC)])
    assert (found["n_spots"], found["n_dropped"], found["median_counts"]) == (38, 12, 100.0)
    assert found["median_mito"] is None  # unknown, not 0
    assert found["histograms"] == QC["histograms"]


def test_degrees_are_those_of_the_method_asked_for():
    found = summary.degrees([graph("stmfg", 18.0), graph("multist", 6.0)], "multist")
    assert found["spatial"]["mean"] == 6.0
    assert found["feature"]["distribution"] == [[1, 50.0], [3, 50.0]]


def test_a_record_that_was_not_given_is_named_with_those_that_were():
    with pytest.raises(InputError, match="the record of graph of multist is needed, got graph_stmfg; put it"):
        summary.degrees([graph("stmfg", 18.0)], "multist")
    with pytest.raises(InputError, match="the record of qc is needed, got none"):
        summary.spot_summary([])
