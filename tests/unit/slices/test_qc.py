"""Quality control: metrics equal to scanpy's, thresholds, and what fails or warns a slice."""

import csv
import gzip
import json
import re

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.records import Record
from tissuegraph.slices import qc
from tissuegraph.slices.qc import (
    Thresholds,
    drop_reasons,
    histograms,
    judge,
    reason_per_spot,
    spot_metrics,
    write_spots,
)

SYMBOLS = np.array(["ACTB", "GFAP", "MT-CO1"])
OFF = Thresholds()


def metrics_of(rows, symbols=SYMBOLS):
    return spot_metrics(sparse.csr_matrix(np.array(rows, dtype=np.float32)), np.asarray(symbols))


def lattice(n):
    """n spots on a square lattice of pitch 1, ten in a row."""
    return np.stack([np.arange(n) % 10, np.arange(n) // 10], axis=1).astype(float)


def judged(counts, thresholds=OFF, xy=None, symbols=SYMBOLS):
    counts = sparse.csr_matrix(np.asarray(counts, dtype=np.float32))
    record = Record("S", "qc")
    xy = lattice(counts.shape[0]) if xy is None else xy
    metrics = spot_metrics(counts, symbols)
    return record, judge(record, counts, xy, 1.0, metrics, thresholds)


def test_metrics_by_hand():
    metrics = metrics_of([[1, 0, 3], [0, 2, 0], [0, 0, 0]])
    assert metrics.total_counts.tolist() == [4, 2, 0]
    assert metrics.n_genes_by_counts.tolist() == [2, 1, 0]
    np.testing.assert_array_equal(metrics.pct_counts_mt, [75, 0, np.nan])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("prefix", ["MT-", "mt-", "Mt-"])
def test_metrics_equal_those_of_scanpy(prefix):
    scanpy = pytest.importorskip("scanpy")
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.negative_binomial(0.3, 0.2, size=(50, 30)).astype(np.float32))
    symbols = np.array([f"{prefix}{i}" if i % 10 == 0 else f"G{i}" for i in range(30)])
    adata = scanpy.AnnData(counts.copy())
    adata.var_names = symbols
    adata.var["mt"] = adata.var_names.str.startswith(prefix)
    scanpy.pp.calculate_qc_metrics(adata, qc_vars=["mt"], percent_top=None, inplace=True)
    ours = spot_metrics(counts, symbols)
    for name in ("total_counts", "n_genes_by_counts", "pct_counts_mt"):
        np.testing.assert_allclose(getattr(ours, name), adata.obs[name], rtol=1e-6)


def test_without_symbols_the_mitochondrial_share_is_unknown_not_zero():
    metrics = metrics_of([[1, 2, 3]], ["ENSG00000075624", "G2", "MTOR"])
    assert np.isnan(metrics.pct_counts_mt).all()
    assert not metrics.knows_mito
    record, reasons = judged(np.ones((30, 3)), Thresholds(max_mito=1), symbols=["A"] * 3)
    assert (reasons == "").all()
    assert record.reasons[-1] == (
        "max_mito was not applied: no mitochondrial gene was recognised; symbols (MT-CO1) or Ensembl "
        "identifiers of human or mouse tell them"
    )
    assert record.metrics["median_mito"] is None


def test_each_rule_drops_what_lies_beyond_it_and_keeps_what_lies_on_it():
    metrics = metrics_of([[5, 5, 0], [4, 5, 0], [10, 0, 0], [8, 0, 2], [7, 0, 3], [0, 0, 0]])
    dropped, limits = drop_reasons(metrics, Thresholds(min_counts=10, min_genes=2, max_mito=20))
    assert reason_per_spot(dropped).tolist() == [
        "",
        "min_counts",
        "min_genes",
        "",
        "max_mito",
        "zero_counts;min_counts;min_genes",
    ]
    assert limits == {"min_counts": 10, "min_genes": 2, "max_mito": 20}


def test_spots_without_counts_are_dropped_even_when_all_rules_are_off():
    dropped, limits = drop_reasons(metrics_of([[1, 0, 0], [0, 0, 0]]), OFF)
    assert reason_per_spot(dropped).tolist() == ["", "zero_counts"]
    assert limits == {}


def test_deviations_set_a_lower_limit_on_log_counts():
    # log1p of the counts: 2, 3, 3, 4, 4, 5 times log(2): median 3.5, deviations 1.5 .5 .5 .5 .5 1.5 -> .5
    counts = 2.0 ** np.array([2, 3, 3, 4, 4, 5]) - 1
    metrics = metrics_of([[value, 0, 0] for value in counts])
    dropped, limits = drop_reasons(metrics, Thresholds(n_mads=2))
    assert dropped["mad_counts"].tolist() == [True, False, False, False, False, False]
    assert limits["mad_counts"] == pytest.approx(2**2.5 - 1)  # median - 2 * 0.5, back from the logarithm
    assert "mad_genes" not in limits  # all spots have one gene: no deviation, no outliers


def test_deviations_set_an_upper_limit_on_the_mitochondrial_share():
    shares = [1, 2, 3, 4, 50]  # median 3, absolute deviations 2 1 0 1 47 -> 1
    metrics = metrics_of([[100 - share, 0, share] for share in shares])
    dropped, limits = drop_reasons(metrics, Thresholds(n_mads=3))
    assert dropped["mad_mito"].tolist() == [False] * 4 + [True]
    assert limits["mad_mito"] == 6.0


@pytest.mark.parametrize(
    "wrong", [{"min_counts": -1}, {"min_genes": -1}, {"max_mito": 101}, {"max_mito": -1}, {"n_mads": 0}]
)
def test_thresholds_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(SettingsError, match=name):
        Thresholds(**wrong)


def test_a_sound_slice_passes_with_its_numbers():
    counts = np.ones((40, 3)) * 40
    counts[:, 2] = 20
    counts[:2] = 0
    record, reasons = judged(counts, Thresholds(min_counts=10, min_genes=2))
    assert (record.status, record.reasons) == ("passed", [])
    assert (reasons == "").sum() == 38
    found = record.metrics
    assert (found["n_spots_raw"], found["n_spots"], found["n_genes"]) == (40, 38, 3)
    assert (found["median_counts"], found["median_genes"], found["median_mito"]) == (100, 3, 20)
    assert found["dropped"] == {"zero_counts": 2, "min_counts": 2, "min_genes": 2}


@pytest.mark.parametrize(
    ("counts", "options", "words"),
    [
        (
            np.zeros((30, 3)),
            {},
            "no spot is left after quality control: 30 of 30 spots were dropped (zero_counts 30)",
        ),
        (np.ones((19, 3)), {}, "19 spots passed quality control, at least 20 are needed: none was dropped"),
        (
            np.ones((30, 3)),
            {"thresholds": Thresholds(min_counts=4)},
            "no spot is left after quality control: 30 of 30 spots were dropped (min_counts 30); lower",
        ),
    ],
)
def test_too_little_left_fails_the_slice_with_the_numbers(counts, options, words):
    with pytest.raises(InputError, match=re.escape(words)):
        judged(counts, **options)


def test_many_dropped_spots_and_faint_ones_warn():
    counts = np.ones((50, 3)) * 5
    counts[:20] = 0
    record, _ = judged(counts)
    assert record.status == "warned"
    assert record.reasons == [
        "40% of 50 spots were dropped, most of them by zero_counts",
        "the median spot has 15 counts: too little signal for reliable domains",
    ]


@pytest.mark.parametrize(("n_genes", "status"), [(1000, "passed"), (1001, "warned")])
def test_cells_of_a_panel_need_fewer_counts_than_spots_of_a_transcriptome(n_genes, status):
    counts = np.zeros((50, n_genes))
    counts[:, :3] = 10
    record, _ = judged(counts, symbols=[f"GENE{n}" for n in range(n_genes)])
    assert (record.status, record.metrics["median_counts"]) == (status, 30)


def test_a_panel_without_mitochondrial_genes_has_an_unknown_share_and_loses_no_cell_by_it():
    counts = np.ones((50, 3)) * 20
    record, reasons = judged(counts, Thresholds(min_counts=10, n_mads=3), symbols=["ACTA2", "CD3E", "EPCAM"])
    assert record.metrics["median_mito"] is None
    assert (record.status, set(reasons)) == ("passed", {""})


def test_two_pieces_of_tissue_are_normal_but_scattered_spots_warn():
    counts = np.full((40, 3), 100)
    xy = lattice(40)
    two = xy + np.repeat([[0, 0], [0, 1000]], 20, axis=0)
    record, _ = judged(counts, xy=two)
    assert (record.status, record.metrics["n_pieces"], record.metrics["largest_piece_share"]) == (
        "passed",
        2,
        0.5,
    )
    scattered = xy.copy()
    scattered[:10] = np.arange(10)[:, None] * 100.0 + 500
    record, _ = judged(counts, xy=scattered)
    assert record.reasons == [
        "10 of 40 spots lie in isolated pieces of fewer than 5 spots: are thresholds too strict?"
    ]


def test_histograms_hold_every_spot_that_has_a_value():
    metrics = metrics_of([[1, 0, 0], [10, 5, 5], [1000, 0, 0], [0, 0, 0]])
    found = histograms(metrics)
    assert (
        sum(found["counts"]["counts"]) == sum(found["genes"]["counts"]) == sum(found["mito"]["counts"]) == 3
    )
    assert found["counts"]["edges"][0] == 1
    assert found["counts"]["edges"][-1] == 1000
    assert all(len(h["edges"]) == len(h["counts"]) + 1 for h in found.values())
    assert histograms(metrics_of([[1, 1, 1]], ["A", "B", "C"]))["mito"] is None
    json.dumps(found, allow_nan=False)


def test_the_table_of_spots_is_the_same_bytes_every_time(tmp_path):
    metrics = metrics_of([[1, 0, 3], [0, 0, 0]])
    barcodes, reasons = np.array(["A", "B"]), np.array(["", "zero_counts"], dtype=object)
    for name in ("a.csv.gz", "b.csv.gz"):
        write_spots(tmp_path / name, barcodes, metrics, reasons)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    with gzip.open(tmp_path / "a.csv.gz", "rt") as file:
        assert list(csv.DictReader(file)) == [
            {
                "barcode": "A",
                "n_genes_by_counts": "2",
                "total_counts": "4",
                "pct_counts_mt": "75",
                "keep": "True",
                "drop_reason": "",
            },
            {
                "barcode": "B",
                "n_genes_by_counts": "0",
                "total_counts": "0",
                "pct_counts_mt": "",
                "keep": "False",
                "drop_reason": "zero_counts",
            },
        ]


def test_genes_are_counted_over_kept_spots_only_whatever_the_pieces(monkeypatch):
    counts = sparse.csr_matrix(np.eye(7, 9)[::-1])
    keep = np.array([True, False, True, True, False, False, True])
    for rows in (1, 2, 5, 100):
        monkeypatch.setattr(qc, "CHUNK_SPOTS", rows)
        assert qc._genes_seen(counts, keep) == 4
