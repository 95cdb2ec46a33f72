"""What a user takes home: one h5ad with everything, numbers that match, scores beside controls."""

from __future__ import annotations

import json
import re
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.scripts import invoke_script
from helpers.step_files import N_DROPPED, assemble_words, write_steps

from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request
from tissuegraph.records import read_record
from tissuegraph.results.h5ad import versions
from tissuegraph.results.kept import annotation_codes
from tissuegraph.slices.arrays import SliceArrays


@pytest.fixture
def files(tmp_path):
    return write_steps(tmp_path)


def run(files, *methods: str):
    return invoke_script("assemble", *assemble_words(files, *(methods or ("stmfg",))))


@pytest.fixture(scope="module")
def assembled(tmp_path_factory):
    """Files of a slice that was assembled, which no test changes."""
    folder = write_steps(tmp_path_factory.mktemp("assembled"))
    assert run(folder).exit_code == 0
    return folder


@pytest.fixture
def taken_home(assembled):
    return anndata.read_h5ad(assembled / "out" / "a.b.h5ad")


def test_the_h5ad_holds_raw_counts_of_all_spots_that_passed_annotated_or_not(taken_home, assembled):
    before = anndata.read_h5ad(assembled / "slice.h5ad")
    assert list(taken_home.obs_names) == list(before.obs_names[N_DROPPED:])
    assert (before.X[N_DROPPED:] != taken_home.layers["counts"]).nnz == 0
    assert taken_home.layers["counts"].dtype == before.X.dtype
    assert taken_home.obs["annotation"].isna().sum() == 4


def test_x_is_what_scanpy_makes_of_the_counts_and_its_tests_of_genes_run(taken_home):
    sc = pytest.importorskip("scanpy")
    theirs = anndata.AnnData(taken_home.layers["counts"].copy())
    sc.pp.normalize_total(theirs, target_sum=1e4)
    sc.pp.log1p(theirs)
    np.testing.assert_allclose(taken_home.X.toarray(), theirs.X.toarray(), rtol=1e-5)
    assert "log1p" in taken_home.uns
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*logarithm|.*raw count")
        sc.tl.rank_genes_groups(taken_home, "domain", method="t-test")


def test_squidpy_draws_the_domains_and_finds_its_own_neighbours(taken_home, tmp_path):
    sq = pytest.importorskip("squidpy")
    sq.pl.spatial_scatter(taken_home, color="domain", save=tmp_path / "domains.png")
    assert (tmp_path / "domains.png").stat().st_size > 1000
    sq.gr.spatial_neighbors(taken_home)
    assert taken_home.obsp["spatial_connectivities"].nnz


def test_layers_and_columns_of_genes_that_the_user_came_with_are_in_the_result(files):
    data = anndata.read_h5ad(files / "slice.h5ad")
    data.layers["spliced"] = data.X * 2
    data.var["score"] = np.arange(data.n_vars) / 2
    data.write_h5ad(files / "slice.h5ad")
    assert run(files).exit_code == 0
    found = anndata.read_h5ad(files / "out" / "a.b.h5ad")
    assert (found.layers["spliced"] != found.layers["counts"] * 2).nnz == 0
    assert found.var["score"].tolist() == data.var["score"].tolist()


def test_the_h5ad_has_every_promised_slot(taken_home, assembled):
    assert taken_home.obs["domain_pca_kmeans"].nunique() == 2  # in other places: its numbers are its own
    for column in ("domain", "domain_stmfg", "domain_baseline"):
        assert list(taken_home.obs[column].cat.categories) == ["1", "2"]
    assert (taken_home.obs["domain"] == taken_home.obs["domain_stmfg"]).all()
    assert (taken_home.obs["domain_confidence"] == 0.75).all()
    assert {"total_counts", "n_genes_by_counts", "pct_counts_mt"} <= set(taken_home.obs)
    with np.load(assembled / "stmfg.embedding.npz") as stored:  # of the first seed
        assert np.array_equal(taken_home.obsm["X_stmfg"], stored["embeddings"][0].astype(np.float32))
    with np.load(assembled / "baseline.npz") as stored:
        assert np.array_equal(taken_home.obsm["X_baseline"], stored["embedding"].astype(np.float32))
    arrays = SliceArrays.load(assembled / "stmfg.arrays.npz")
    assert np.array_equal(taken_home.obsm["spatial"], arrays.position)
    assert (taken_home.obsp["spatial_graph"] != arrays.spatial).nnz == 0
    assert (taken_home.obsp["feature_graph"] != arrays.feature).nnz == 0
    assert (taken_home.uns["spatial"]["a.b"]["images"]["hires"] == 180).all()
    assert taken_home.var["in_model"].sum() == 8


def test_a_next_run_reads_the_h5ad_as_it_reads_any_other(taken_home, assembled):
    again = read_slice(Request(path=assembled / "out" / "a.b.h5ad", sample="a.b", annotation="annotation"))
    counts = taken_home.layers["counts"]
    for part in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(again.X, part), getattr(counts, part)), part
    assert again.obs["annotation"].isna().sum() == 4


def test_settings_versions_and_scores_travel_in_uns(taken_home):
    told = taken_home.uns["tissuegraph"]
    assert told["settings"]["train_stmfg"]["settings"]["optimiser"]["epochs"] == 3
    assert told["versions"]["tissuegraph"] == versions()["tissuegraph"]
    assert list(told["warnings"]) == ["few counts"]
    scores = told["scores"]
    assert list(scores.index) == ["stmfg", "stmfg_untrained", "stmfg_unrefined", "baseline", "pca_kmeans"]
    assert scores.loc["stmfg", "ari"] == 1.0
    assert 0 < scores.loc["baseline", "ari"] < 1
    assert scores.loc["stmfg", "ari_sd"] == 0.0
    assert np.isfinite(scores.loc["baseline", "pas"])


def test_the_share_of_the_image_of_each_method_is_in_the_h5ad_and_told_to_the_report(files):
    trained = read_record(files / "stmfg.train.json")
    for method, trust in (("stmfg", 0.25), ("multist", 0.0)):
        trained.metrics |= {"method": method, "image_trust": trust}
        trained.write(files / f"{method}.train.json")
    assert run(files, "stmfg", "multist").exit_code == 0
    found = anndata.read_h5ad(files / "out" / "a.b.h5ad")
    assert dict(found.uns["tissuegraph"]["image_trust"]) == {"stmfg": 0.25, "multist": 0.0}
    told = read_record(files / "out" / "assemble.json").metrics
    assert told["image_trust"] == {"stmfg": 0.25, "multist": 0.0}


def test_of_methods_that_were_given_no_image_nothing_is_said(taken_home, assembled):
    assert "image_trust" not in taken_home.uns["tissuegraph"]
    assert read_record(assembled / "out" / "assemble.json").metrics["image_trust"] == {}


def test_domains_take_the_numbers_of_the_annotated_regions_in_natural_order(taken_home):
    # L2 comes before L10, so domain 1 is the half that is annotated L2.
    labelled = taken_home.obs.dropna(subset="annotation")
    assert set(labelled.loc[labelled["annotation"] == "L2", "domain"]) == {"1"}
    assert (taken_home.obs["domain_baseline"] != taken_home.obs["domain"]).sum() == 6


def test_the_summary_tells_the_report_what_it_needs(taken_home, assembled):
    entry = read_record(assembled / "out" / "assemble.json")
    assert (entry.status, entry.reasons) == ("warned", ["qc: few counts"])
    told = entry.metrics
    assert (told["n_spots"], told["n_dropped"], told["n_genes"], told["n_domains"]) == (61, 3, 12, 2)
    assert told["n_labelled"] == 57
    assert sum(told["composition"].values()) == 61
    assert told["training"]["stmfg"]["total"] == [[1, 3.0], [2, 2.0], [3, 1.5]]
    assert told["gain"]["stmfg"]["verdict"] == "above"
    assert told["degrees"]["spatial"]["distribution"] == [[2, 100.0]]
    assert set(told["pictures"]) == {
        "card",
        "card_annotation",
        "domains",
        "confidence",
        "quality",
        "training",
    }
    for name in ("domains", "confidence", "quality", "training"):
        assert (assembled / "out" / told["files"][name]).stat().st_size > 1000
        assert (assembled / "out" / f"a.b.{name}.svg").is_file()


def test_several_methods_stand_side_by_side_and_the_first_is_the_answer(files):
    assert run(files, "stmfg", "multist").exit_code == 0
    found = anndata.read_h5ad(files / "out" / "a.b.h5ad")
    assert {"domain_stmfg", "domain_multist"} <= set(found.obs)
    assert {"X_stmfg", "X_multist"} <= set(found.obsm)
    assert found.uns["tissuegraph"]["final_method"] == "stmfg"


def test_a_slice_without_annotation_has_coherence_scores_only(files):
    data = anndata.read_h5ad(files / "slice.h5ad")
    del data.obs["annotation"]
    data.write_h5ad(files / "slice.h5ad")
    assert run(files).exit_code == 0
    told = json.loads((files / "out" / "assemble.json").read_text())["metrics"]
    assert told["gain"] == {"stmfg": None}
    assert "ari" not in told["scores"][0]
    assert told["scores"][0]["chaos"] > 0


def test_files_of_different_runs_are_refused_in_one_line(files):
    with np.load(files / "stmfg.domains.npz") as stored:
        parts = {key: stored[key][..., :-1] for key in stored.files}
    np.savez(files / "stmfg.domains.npz", **parts)
    assert run(files).exit_code == 0
    entry = read_record(files / "out" / "assemble.json")
    assert entry.status == "failed"
    assert re.search(r"domains.npz: domain has 60 spots, the slice kept 61", entry.reasons[0])
    assert not (files / "out" / "a.b.h5ad").exists()


def test_a_slice_that_lost_a_method_is_assembled_from_the_others(files):
    words = assemble_words(files, "stmfg")
    words[words.index("stmfg")] = "multist,stmfg"  # multist has left no file
    assert invoke_script("assemble", *words).exit_code == 0
    found = anndata.read_h5ad(files / "out" / "a.b.h5ad")
    assert found.uns["tissuegraph"]["final_method"] == "stmfg"
    assert "domain_multist" not in found.obs


def test_a_slice_without_any_answer_is_failed(files):
    (files / "stmfg.domains.npz").unlink()
    assert run(files).exit_code == 0
    (reason,) = read_record(files / "out" / "assemble.json").reasons
    assert reason.startswith("no domains were found by stmfg")


def test_annotation_codes_sort_naturally_and_mark_the_unlabelled():
    data = anndata.AnnData(np.zeros((4, 1), dtype=np.float32))
    data.obs["annotation"] = pd.Categorical(["L10", None, "L2", "WM"])
    codes, names = annotation_codes(data)
    assert (codes.tolist(), names) == ([1, -1, 0, 2], ("L2", "L10", "WM"))
    data.obs["annotation"] = pd.Categorical([None] * 4)
    assert annotation_codes(data) == (None, ())


def test_the_effect_of_refinement_is_scored_before_and_after(taken_home):
    scores = taken_home.uns["tissuegraph"]["scores"]
    assert scores.loc["stmfg_unrefined", "what"] == "before spatial refinement"
    assert scores.loc["stmfg_unrefined", "ari"] < scores.loc["stmfg", "ari"] == 1


def test_an_answer_far_below_the_baseline_is_worth_a_look(files):
    with np.load(files / "stmfg.domains.npz") as stored:
        found = dict(stored)
    np.savez(files / "stmfg.domains.npz", **found | {"domain": np.arange(len(found["domain"])) % 2})
    assert run(files).exit_code == 0
    reasons = read_record(files / "out" / "assemble.json").reasons
    assert any(line.startswith("scores: stMFG is far below the baseline: ARI") for line in reasons)


def test_a_method_that_is_not_the_answer_is_no_reason_for_a_warning(files):
    words = assemble_words(files, "stmfg", "multist")
    with np.load(files / "stmfg.domains.npz") as stored:
        found = dict(stored)
    np.savez(files / "multist.domains.npz", **found | {"domain": np.arange(len(found["domain"])) % 2})
    assert invoke_script("assemble", *words).exit_code == 0
    entry = read_record(files / "out" / "assemble.json")
    assert entry.reasons == ["qc: few counts"]
    assert any(line.startswith("scores: MultiST is far below the baseline") for line in entry.notes)


def test_figures_are_written_in_the_formats_asked_for(files):
    assert invoke_script("assemble", *assemble_words(files, "stmfg"), "--figures", "png").exit_code == 0
    drawn = {path.suffix for path in (files / "out").iterdir()} - {".json", ".h5ad"}
    assert drawn == {".png"}
