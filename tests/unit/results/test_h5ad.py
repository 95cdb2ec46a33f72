"""What a user takes home: one h5ad with everything, numbers that match, scores beside controls."""

from __future__ import annotations

import json
import re

import anndata
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers.fake_slices import lattice
from scipy import sparse

from tissuegraph.records import Record, read_record
from tissuegraph.results.h5ad import versions
from tissuegraph.results.kept import annotation_codes
from tissuegraph.slices.arrays import SliceArrays

N_SPOTS, N_DROPPED, N_GENES = 64, 3, 12


@pytest.fixture
def files(tmp_path):
    """All files of one slice, as the steps before write them: two halves, the first spots dropped."""
    rng = np.random.default_rng(0)
    position = lattice(8, 8)
    counts = sparse.csr_matrix(rng.poisson(3, (N_SPOTS, N_GENES)).astype(np.float32))
    data = anndata.AnnData(counts)
    data.obs_names = [f"spot{k}-1" for k in range(N_SPOTS)]
    data.var_names = [f"gene{k}" for k in range(N_GENES)]
    data.obsm["spatial"] = position
    half = (position[:, 0] > position[:, 0].mean()).astype(int)
    data.obs["annotation"] = pd.Categorical(np.array(["L2", "L10"])[half])
    data.obs.loc[data.obs_names[10:14], "annotation"] = np.nan
    data.uns["tissuegraph"] = {"sample": "a.b", "platform": "h5ad", "pitch_px": 100.0, "um_per_px": 1.0}
    image = np.full((40, 50, 3), 180, dtype=np.uint8)
    data.uns["spatial"] = {"a.b": {"images": {"hires": image}, "scalefactors": {"tissue_hires_scalef": 0.05}}}
    data.write_h5ad(tmp_path / "slice.h5ad")

    keep = np.arange(N_SPOTS) >= N_DROPPED
    columns = {"n_genes_by_counts": counts.getnnz(axis=1), "total_counts": np.asarray(counts.sum(1)).ravel()}
    spots = pd.DataFrame(
        {**columns, "pct_counts_mt": np.nan, "keep": keep, "drop_reason": ""}, data.obs_names
    )
    spots.to_csv(tmp_path / "spots.csv.gz", index_label="barcode")

    half, n_kept = half[keep], int(keep.sum())
    ring = sparse.csr_matrix(np.roll(np.eye(n_kept), 1, 1) + np.roll(np.eye(n_kept), -1, 1))
    SliceArrays(
        counts=counts[keep][:, :8],
        features=rng.normal(size=(n_kept, 4)),
        depth=columns["total_counts"][keep],
        position=position[keep],
        spatial=ring,
        feature=ring,
        genes=np.array(data.var_names[:8]),
        pitch=100.0,
    ).save(tmp_path / "arrays.npz")
    baseline = np.where(np.arange(n_kept) < 6, 1 - half, half)  # six spots in the wrong half
    latent = rng.normal(size=(n_kept, 5))
    np.savez(tmp_path / "baseline.npz", baseline=baseline, pca_kmeans=np.arange(n_kept) % 2, embedding=latent)
    np.savez(tmp_path / "embedding.npz", embeddings=rng.normal(size=(2, n_kept, 6)), seeds=[0, 1])
    np.savez(
        tmp_path / "domains.npz",
        domain=1 - half,
        unrefined=np.where(np.arange(n_kept) < 4, half, 1 - half),  # refinement moved four spots
        confidence=np.full(n_kept, 0.75),
        per_seed=np.array([half, 1 - half]),
        untrained=baseline,
        untrained_per_seed=np.array([baseline, baseline]),
    )
    trained = Record(
        "a.b", "train", metrics={"method": "stmfg", "epochs": 3, "losses": {"total": [[3, 2, 1], [3, 2, 2]]}}
    )
    trained.metrics["settings"] = {"optimiser": {"epochs": 3, "clip": None}}
    trained.write(tmp_path / "train.json")
    warned = Record("a.b", "qc")
    warned.warn("few counts")
    warned.write(tmp_path / "qc.json")
    return tmp_path


def run(files, *more: str):
    import assemble  # the script in bin/

    arguments = [
        "--sample",
        "a.b",
        "--slice",
        "slice.h5ad",
        "--spots",
        "spots.csv.gz",
        "--arrays",
        "arrays.npz",
    ]
    arguments += ["--baseline", "baseline.npz", "--record", "train.json", "--record", "qc.json"]
    for method in more or ("stmfg",):
        arguments += ["--method", method, "--embedding", "embedding.npz", "--domains", "domains.npz"]
    in_place = [str(files / word) if (files / word).is_file() else word for word in arguments]
    return CliRunner().invoke(
        assemble.main, [*in_place, "--outdir", str(files / "out")], catch_exceptions=False
    )


@pytest.fixture
def taken_home(files):
    assert run(files).exit_code == 0
    return anndata.read_h5ad(files / "out" / "a.b.h5ad")


def test_the_h5ad_holds_raw_counts_of_all_spots_that_passed_annotated_or_not(taken_home, files):
    before = anndata.read_h5ad(files / "slice.h5ad")
    assert list(taken_home.obs_names) == list(before.obs_names[N_DROPPED:])
    assert (before.X[N_DROPPED:] != taken_home.X).nnz == 0
    assert taken_home.obs["annotation"].isna().sum() == 4


def test_the_h5ad_has_every_promised_slot(taken_home):
    n_kept = N_SPOTS - N_DROPPED
    for column in ("domain", "domain_stmfg", "domain_baseline", "domain_pca_kmeans"):
        assert list(taken_home.obs[column].cat.categories) == ["1", "2"]
    assert (taken_home.obs["domain"] == taken_home.obs["domain_stmfg"]).all()
    assert (taken_home.obs["domain_confidence"] == 0.75).all()
    assert {"total_counts", "n_genes_by_counts", "pct_counts_mt"} <= set(taken_home.obs)
    assert taken_home.obsm["X_stmfg"].shape == (n_kept, 6)
    assert taken_home.obsm["X_baseline"].shape == (n_kept, 5)
    assert taken_home.obsm["spatial"].shape == (n_kept, 2)
    for graph in ("spatial_graph", "feature_graph"):
        assert taken_home.obsp[graph].nnz == 2 * n_kept
    assert taken_home.uns["spatial"]["a.b"]["images"]["hires"].shape == (40, 50, 3)
    assert taken_home.var["in_model"].sum() == 8


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


def test_domains_take_the_numbers_of_the_annotated_regions_in_natural_order(taken_home):
    # L2 comes before L10, so domain 1 is the half that is annotated L2.
    labelled = taken_home.obs.dropna(subset="annotation")
    assert set(labelled.loc[labelled["annotation"] == "L2", "domain"]) == {"1"}
    assert (taken_home.obs["domain_baseline"] != taken_home.obs["domain"]).sum() == 6


def test_the_summary_tells_the_report_what_it_needs(taken_home, files):
    entry = read_record(files / "out" / "slice.json")
    assert (entry.status, entry.reasons) == ("warned", ["qc: few counts"])
    told = entry.metrics
    assert (told["n_spots"], told["n_dropped"], told["n_genes"], told["n_domains"]) == (61, 3, 12, 2)
    assert told["n_labelled"] == 57
    assert sum(told["composition"].values()) == 61
    assert told["training"]["stmfg"]["total"] == [[1, 3.0], [2, 2.0], [3, 1.5]]
    assert told["gain"]["stmfg"]["verdict"] == "above"
    assert told["degrees"]["spatial"]["distribution"] == [[2, 100.0]]
    assert set(told["pictures"]) == {"card", "domains", "confidence", "quality", "training"}
    for name in ("domains", "confidence", "quality", "training"):
        assert (files / "out" / told["files"][name]).stat().st_size > 1000
        assert (files / "out" / f"a.b.{name}.svg").is_file()


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
    told = json.loads((files / "out" / "slice.json").read_text())["metrics"]
    assert told["gain"] == {"stmfg": None}
    assert "ari" not in told["scores"][0]
    assert told["scores"][0]["chaos"] > 0


def test_files_of_different_runs_are_refused_in_one_line(files):
    with np.load(files / "domains.npz") as stored:
        parts = {key: stored[key][..., :-1] for key in stored.files}
    np.savez(files / "domains.npz", **parts)
    result = run(files)
    assert result.exit_code == 1
    assert re.search(r"domains.npz: domain has 60 spots, the slice kept 61", result.output)


def test_every_method_needs_its_embedding_and_domains(files):
    import assemble

    words = ["--sample", "a", "--method", "x", "--method", "y"]
    for option, name in (("slice", "slice.h5ad"), ("spots", "spots.csv.gz"), ("arrays", "arrays.npz")):
        words += [f"--{option}", str(files / name)]
    words += ["--baseline", str(files / "baseline.npz"), "--embedding", str(files / "embedding.npz")]
    result = CliRunner().invoke(assemble.main, [*words, "--domains", str(files / "domains.npz")])
    assert result.exit_code == 2
    assert "each --method needs one --embedding and one --domains, got 2, 1 and 1" in result.output


def test_annotation_codes_sort_naturally_and_mark_the_unlabelled():
    data = anndata.AnnData(np.zeros((4, 1), dtype=np.float32))
    data.obs["annotation"] = pd.Categorical(["L10", None, "L2", "WM"])
    codes, names = annotation_codes(data)
    assert (codes.tolist(), names) == ([1, -1, 0, 2], ("L2", "L10", "WM"))
    data.obs["annotation"] = pd.Categorical([None] * 4)
    assert annotation_codes(data) == (None, ())


def test_the_effect_of_refinement_is_scored_before_and_after(files, taken_home):
    scores = taken_home.uns["tissuegraph"]["scores"]
    assert scores.loc["stmfg_unrefined", "what"] == "before spatial refinement"
    assert scores.loc["stmfg_unrefined", "ari"] < scores.loc["stmfg", "ari"] == 1
