"""Slices with and without image to domains of both methods, tables and report, in one run for all tests."""

from __future__ import annotations

import re
import shutil

import anndata
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from .conftest import run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def finished(tmp_path_factory, slices, sheet):
    """A run over all generated slices, and one broken h5ad among them."""
    launch = tmp_path_factory.mktemp("domains")
    broken = launch / "broken.h5ad"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    rows = [*sheet, {"sample": "broken", "path": str(broken), "n_domains": "3"}]
    table = str(write_sheet(launch / "sheet.csv", rows))
    return run_pipeline(launch, "--input", table, "--n_seeds", "2", "--methods", "stmfg,multist")


@pytest.fixture(scope="module")
def final(finished, sheet):
    """The final AnnData of every good slice, by sample."""
    paths = {row["sample"]: finished.outdir / "slices" / row["sample"] for row in sheet}
    return {sample: anndata.read_h5ad(path / f"{sample}.h5ad") for sample, path in paths.items()}


def test_run_succeeds_although_one_slice_is_broken(finished):
    assert finished.code == 0, finished.output


def test_broken_slice_is_named_in_the_table_and_the_report_and_keeps_its_path(finished):
    row = finished.table()["broken"]
    assert row["status"] == "failed"
    assert row["path"].endswith("broken.h5ad")
    assert row["reason"]
    assert "broken" in (finished.outdir / "multiqc" / "multiqc_report.html").read_text()
    assert not (finished.outdir / "slices" / "broken").exists()


def test_final_h5ad_holds_raw_counts_domains_embedding_and_graphs(final, sheet):
    for row in sheet:
        slice_ = final[row["sample"]]
        counts = slice_.layers["counts"]
        assert counts.min() >= 0
        assert np.array_equal(counts.data, np.round(counts.data))
        for column in ("domain", "domain_stmfg", "domain_baseline", "domain_confidence"):
            assert slice_.obs[column].notna().all(), column
        assert slice_.obs["domain"].nunique() == int(row["n_domains"])
        assert np.isfinite(slice_.obsm["X_stmfg"]).all()
        assert slice_.obsm["spatial"].shape == (slice_.n_obs, 2)
        assert {"spatial_graph", "feature_graph"} <= set(slice_.obsp)
        assert (slice_.obsp["spatial_graph"] != slice_.obsp["spatial_graph"].T).nnz == 0
        assert {"settings", "versions", "scores"} <= set(slice_.uns["tissuegraph"])


def test_both_methods_answer_for_slices_with_and_without_image(finished, final, sheet):
    for row in sheet:
        slice_ = final[row["sample"]]
        assert slice_.obs["domain_multist"].nunique() == int(row["n_domains"])
        assert (slice_.obs["domain"] == slice_.obs["domain_stmfg"]).all()  # the first method gives the answer
        assert np.isfinite(slice_.obsm["X_multist"]).all()
        assert ("X_histology" in slice_.obsm) == (row["sample"] != "patchy")
    assert "genes alone" in finished.table()["patchy"]["notes"]
    report = (finished.outdir / "multiqc" / "multiqc_report.html").read_text()
    assert "MultiST" in report
    assert "Histology" in report


def test_scores_in_the_table_are_those_of_the_h5ad(finished, final):
    for sample, slice_ in final.items():
        labelled = slice_.obs["annotation"].notna()
        expected = adjusted_rand_score(
            slice_.obs["annotation"][labelled], slice_.obs["domain_stmfg"][labelled]
        )
        assert float(finished.table()[sample]["ari_stmfg"]) == pytest.approx(expected, abs=1e-3)


def test_the_last_lines_say_how_it_ended_and_where_to_look(finished):
    said = dict(re.findall(r"^(Slices|Report|Table|Figures): +(.+)$", finished.output, re.M))
    rows = finished.table().values()
    counts = [sum(row["status"] == status for row in rows) for status in ("passed", "warned", "failed")]
    assert said["Slices"] == "{} passed, {} warned, {} failed".format(*counts)
    assert counts[2] == 1
    assert said["Report"] == str(finished.outdir / "multiqc" / "multiqc_report.html")
    assert said["Table"] == str(finished.outdir / "slices.csv")
    assert said["Figures"] == f"{finished.outdir / 'slices'}/<slice>/"


def test_every_slice_has_its_pictures_as_png_and_svg(finished, sheet):
    for row in sheet:
        suffixes = [path.suffix for path in (finished.outdir / "slices" / row["sample"]).iterdir()]
        assert suffixes.count(".png") == suffixes.count(".svg") > 0


def test_provenance_is_complete(finished):
    names = {path.name for path in (finished.outdir / "pipeline_info").iterdir()}
    assert {"execution_trace.txt", "execution_timeline.html", "execution_report.html"} <= names
    assert {"pipeline_dag.html", "params.json"} <= names
    assert "torch" in (finished.outdir / "pipeline_info" / "software_mqc_versions.yml").read_text()


def test_table_is_the_samplesheet_of_a_next_run_wherever_the_results_are(finished, tmp_path):
    rows = [row for row in finished.table().values() if row["status"] != "failed"][:1]
    moved = tmp_path / "moved"
    shutil.copytree(finished.outdir / "slices" / rows[0]["sample"], moved / "slices" / rows[0]["sample"])
    again = run_pipeline(tmp_path, "--input", str(write_sheet(moved / "slices.csv", rows)), "--n_seeds", "1")
    assert again.code == 0, again.output
    assert again.table()[rows[0]["sample"]]["n_spots"] == rows[0]["n_spots"]
