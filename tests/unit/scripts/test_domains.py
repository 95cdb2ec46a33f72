"""baseline.py and cluster.py on files: the number of domains is a value, failures stay with their slice."""

import json

import anndata
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers.image_view_tiny import N_SPOTS, small_arrays

import baseline
import cluster


@pytest.fixture
def folder(tmp_path):
    """Two halves of a lattice: slice, spots, arrays, and embeddings of two seeds that show them."""
    arrays = small_arrays()
    arrays.save(tmp_path / "arrays.npz")
    adata = anndata.AnnData(arrays.counts)
    adata.obs_names = [f"spot{i}" for i in range(N_SPOTS)]
    adata.var["gene_symbol"] = adata.var["gene_id"] = adata.var_names = arrays.genes
    adata.uns["tissuegraph"] = {"pitch_px": 100.0}
    adata.obsm["spatial"] = arrays.position
    adata.write_h5ad(tmp_path / "slice.h5ad")
    spots = pd.DataFrame({"keep": True}, index=adata.obs_names)
    spots.to_csv(tmp_path / "spots.csv.gz", index_label="barcode")
    rng = np.random.default_rng(0)
    shown = halves(arrays)[:, None] + rng.normal(0, 0.1, (2, N_SPOTS, 4))
    save_embeddings(tmp_path, shown)
    return tmp_path


def halves(arrays):
    return (arrays.position[:, 0] >= 600).astype(int)


def save_embeddings(folder, embeddings):
    untrained = np.random.default_rng(1).normal(size=embeddings.shape)
    np.savez(folder / "embedding.npz", embeddings=embeddings, untrained=untrained)


def run(script, folder, inputs, *options):
    files = {f"--{name}": folder / file for name, file in inputs.items()}
    files |= {"--domains": folder / "out.npz", "--record": folder / "record.json"}
    arguments = [str(part) for pair in files.items() for part in pair]
    outcome = CliRunner().invoke(script.main, ["--sample", "S", *arguments, *map(str, options)])
    record = folder / "record.json"
    return (json.loads(record.read_text()) if record.exists() else None), outcome


def run_baseline(folder, *options):
    return run(baseline, folder, {"slice": "slice.h5ad", "spots": "spots.csv.gz"}, *options)


def run_cluster(folder, *options):
    inputs = {"arrays": "arrays.npz", "embedding": "embedding.npz"}
    return run(cluster, folder, inputs, "--preset", "stmfg/default", *options)


def test_baseline_finds_the_halves_and_stores_the_number_that_it_estimated(folder):
    record, outcome = run_baseline(folder)
    assert outcome.exit_code == 0, outcome.output
    with np.load(folder / "out.npz") as found:
        assert found["n_domains"] == record["metrics"]["n_domains"] == 2
        agree = (found["baseline"] == halves(small_arrays())).mean()
    assert max(agree, 1 - agree) > 0.9
    assert not record["metrics"]["n_domains_given"]
    assert record["metrics"]["seconds"] > 0


def test_a_table_of_other_spots_fails_the_slice_and_not_the_run(folder):
    spots = pd.read_csv(folder / "spots.csv.gz", index_col=0)
    spots.iloc[::-1].to_csv(folder / "spots.csv.gz", index_label="barcode")
    record, outcome = run_baseline(folder)
    assert outcome.exit_code == 0
    assert record["status"] == "failed"
    assert not (folder / "out.npz").exists()


def test_clustering_takes_the_number_of_the_baseline(folder):
    np.savez(folder / "baseline.npz", n_domains=2)
    record, outcome = run_cluster(folder, "--baseline", folder / "baseline.npz")
    assert outcome.exit_code == 0, outcome.output
    assert record["metrics"]["method"] == "stmfg"
    assert record["metrics"]["n_domains"] == 2
    with np.load(folder / "out.npz") as found:
        agree = (found["domain"] == halves(small_arrays())).mean()
        assert found["per_seed"].shape == (2, N_SPOTS)
    assert max(agree, 1 - agree) > 0.95


def test_clustering_wants_one_source_of_the_number(folder):
    np.savez(folder / "baseline.npz", labels=np.zeros(3))
    assert run_cluster(folder)[1].exit_code == 2
    both = ("--n-domains", 2, "--baseline", folder / "baseline.npz")
    assert run_cluster(folder, *both)[1].exit_code == 2
    record, _ = run_cluster(folder, *both[2:])
    assert record["reasons"][0].startswith("baseline.npz holds no n_domains that can be read")


def test_an_embedding_that_is_not_finite_fails_the_slice_under_its_method(folder):
    save_embeddings(folder, np.full((2, N_SPOTS, 4), np.nan))
    record, outcome = run_cluster(folder, "--n-domains", 2)
    assert outcome.exit_code == 0
    assert record["status"] == "failed"
    assert "must be a finite" in record["reasons"][0]
    assert record["metrics"]["method"] == "stmfg"
    assert not (folder / "out.npz").exists()
