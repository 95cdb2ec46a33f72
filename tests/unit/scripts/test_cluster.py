"""cluster.py: embeddings of all seeds to one set of domains, and the same for the untrained network."""

import numpy as np
import pytest
from helpers.image_view_tiny import N_SPOTS, SIDE, small_arrays
from helpers.scripts import invoke_script, run_script

from tissuegraph.records import read_record

HALF = np.tile(np.arange(SIDE) >= SIDE // 2, SIDE).astype(int)


@pytest.fixture
def folder(tmp_path):
    """Arrays of two halves; trained embeddings that know the halves, untrained ones that are noise."""
    small_arrays().save(tmp_path / "arrays.npz")
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, N_SPOTS, 4))
    np.savez(tmp_path / "e.npz", embeddings=10 * HALF[:, None] + noise, untrained=noise, seeds=[0, 1])
    return tmp_path


def words(folder, *options):
    files = {"arrays": "arrays.npz", "embedding": "e.npz", "domains": "d.npz", "record": "c.json"}
    named = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    return [
        "--sample",
        "S",
        *named,
        "--preset",
        "stmfg/default",
        "--set",
        "clustering.clusterer=kmeans",
        *options,
    ]


def test_domains_follow_the_trained_embeddings_and_the_control_the_untrained_ones(folder):
    done = run_script("cluster", *words(folder, "--n-domains", 2), cwd=folder)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "d.npz") as stored:
        # the halves are of one size, so that either may be domain 0
        assert len(set(zip(stored["domain"].tolist(), HALF.tolist(), strict=True))) == 2
        assert (stored["confidence"] == 1).all()
        assert stored["per_seed"].shape == stored["untrained_per_seed"].shape == (2, N_SPOTS)
        assert len(set(zip(stored["untrained"].tolist(), HALF.tolist(), strict=True))) == 4
    metrics = read_record(folder / "c.json").metrics
    assert (metrics["method"], metrics["clusterer"]) == ("stmfg", "kmeans")
    assert (metrics["n_domains"], metrics["n_domains_found"]) == (2, 2)


def test_a_number_of_domains_is_needed(folder):
    result = invoke_script("cluster", *words(folder))
    assert result.exit_code == 2
    assert "--n-domains" in result.output


def test_an_embedding_that_is_not_finite_fails_the_slice_under_its_method(folder):
    broken = np.full((2, N_SPOTS, 4), np.nan)
    np.savez(folder / "e.npz", embeddings=broken, untrained=broken, seeds=[0, 1])
    assert invoke_script("cluster", *words(folder, "--n-domains", 2)).exit_code == 0
    record = read_record(folder / "c.json")
    assert record.status == "failed"
    assert "must be a finite" in record.reasons[0]
    assert record.metrics["method"] == "stmfg"
    assert not (folder / "d.npz").exists()
