"""Training: reproducible, unbiased by labels, and the same in parts as on the whole graph."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import sparse

from tissuegraph.errors import SettingsError
from tissuegraph.nn.device import resolve_device
from tissuegraph.nn.result import save_embeddings
from tissuegraph.presets import load_settings
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.partition import spatial_parts, with_halo
from tissuegraph.stmfg import training
from tissuegraph.stmfg.objective import loss_terms
from tissuegraph.stmfg.parts import PartwiseEncoder

SIDE, N_GENES = 12, 40


def lattice(side):
    """Square lattice, four neighbours."""
    path = sparse.diags([1.0, 1.0], [-1, 1], shape=(side, side))
    return sparse.csr_matrix(sparse.kronsum(path, path))


@pytest.fixture(scope="module")
def arrays():
    """Two halves of a lattice that differ in every second gene."""
    rng = np.random.default_rng(0)
    position = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).reshape(-1, 2) * 100.0
    half = position[:, 0] >= SIDE * 50
    rate = np.where(half[:, None] ^ (np.arange(N_GENES) % 2 == 0), 4.0, 0.5)
    counts = rng.poisson(rate).astype(np.float32)
    feature = sparse.random(SIDE**2, SIDE**2, 0.01, rng=rng, format="lil")
    feature = sparse.csr_matrix((feature + feature.T) > 0)
    feature.setdiag(False)
    feature.eliminate_zeros()
    return SliceArrays(
        counts=sparse.csr_matrix(counts),
        features=sparse.csr_matrix(np.log1p(counts)),
        depth=counts.sum(1),
        position=position,
        spatial=lattice(SIDE).astype(bool),
        feature=feature,
        genes=np.array([f"gene{g}" for g in range(N_GENES)]),
        pitch=100.0,
    )


def settings(*overrides):
    small = [
        "model.decoder_dim=16",
        "optimiser.epochs=4",
        "losses.genes_per_step=10",
        "losses.n_negatives=20",
    ]
    return load_settings("stmfg/default", [*small, "losses.contrastive_mode=sampled", *overrides])


SHAPES = ["model.dims=[8]", "model.dims=[8, 6]", "model.dims=[64]"]  # the last: A~ X is precomputed


@pytest.mark.parametrize("shape", SHAPES)
def test_same_seed_gives_the_same_bits_and_another_seed_does_not(arrays, shape):
    first, again, other = (
        training.train(arrays, settings(shape), seed=seed, device="cpu") for seed in (3, 3, 4)
    )
    assert first.embedding.tobytes() == again.embedding.tobytes()
    assert first.losses == again.losses
    assert not np.array_equal(first.embedding, other.embedding)


def test_training_leaves_global_random_state_alone(arrays):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    training.train(arrays, settings("model.dims=[8]"), seed=0, device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_seeds_trained_together_equal_seeds_trained_alone(arrays):
    together = training.train_seeds(arrays, settings("model.dims=[8]"), seeds=[5, 6], device="cpu")
    alone = training.train(arrays, settings("model.dims=[8]"), seed=6, device="cpu")
    assert together[1].embedding.tobytes() == alone.embedding.tobytes()


def test_a_spot_that_no_edge_of_the_tissue_reaches_is_embedded_too(arrays):
    spatial = arrays.spatial.tolil()
    spatial[0], spatial[:, 0] = False, False
    alone = dataclasses.replace(arrays, spatial=sparse.csr_matrix(spatial))
    result = training.train(alone, settings("model.dims=[8]"), seed=0, device="cpu")
    assert np.isfinite(result.embedding).all()
    assert np.abs(result.embedding[0]).sum() > 0


def test_no_epochs_returns_the_untrained_network(arrays):
    result = training.train(arrays, settings("optimiser.epochs=0"), seed=0, device="cpu")
    np.testing.assert_array_equal(result.embedding, result.untrained)
    assert result.losses["total"] == []


def test_result_has_the_documented_shapes_and_one_loss_per_epoch(arrays):
    result = training.train(arrays, settings("model.dims=[8, 6]", "model.head_dim=5"), seed=0, device="cpu")
    assert result.embedding.shape == result.untrained.shape == (SIDE**2, 5)
    assert result.embedding.dtype == np.float32
    assert result.attention.shape == (SIDE**2, 2)
    assert {term: len(values) for term, values in result.losses.items()} == dict.fromkeys(training.TERMS, 4)


def test_total_is_the_weighted_sum_and_a_weight_of_zero_drops_its_term(arrays):
    for dropped in ("zinb", "contrastive", "regulariser"):
        chosen = settings("model.dims=[8]", f"losses.{dropped}=0")
        losses = training.train(arrays, chosen, seed=0, device="cpu").losses
        assert losses[dropped] == [0] * 4
        weighted = sum(getattr(chosen.losses, term) * np.array(losses[term]) for term in training.TERMS[:3])
        np.testing.assert_allclose(losses["total"], weighted, rtol=1e-5)


def test_reconstruction_improves_and_the_embedding_separates_the_halves(arrays):
    chosen = settings("model.dims=[8]", "optimiser.epochs=60", "optimiser.lr=0.01", "losses.genes_per_step=0")
    result = training.train(arrays, chosen, seed=0, device="cpu")
    assert result.losses["zinb"][-1] < 0.8 * result.losses["zinb"][0]
    half = arrays.position[:, 0] >= SIDE * 50
    left, right = result.embedding[~half], result.embedding[half]
    gap = np.linalg.norm(left.mean(0) - right.mean(0))
    assert gap > 3 * np.sqrt(np.r_[left - left.mean(0), right - right.mean(0)].var(0).sum())


@pytest.mark.parametrize("options", [
    ["model.att=channel"], ["model.att_l2=true"], ["model.norm=rw"], ["model.fusion=late"],
    ["losses.reg_balance=paper"], ["losses.contrastive_mode=exact"], ["optimiser.precision=bfloat16"],
    ["losses.target=scaled", "preprocess.input=hvg"],
])  # fmt: skip
def test_every_option_trains_to_finite_losses(arrays, options):
    result = training.train(arrays, settings("model.dims=[8, 6]", *options), seed=0, device="cpu")
    assert np.isfinite(result.losses["total"]).all()
    assert np.isfinite(result.embedding).all()


def test_scaled_target_refuses_negative_features(arrays):
    centred = dataclasses.replace(arrays, features=arrays.features.toarray() - 1)
    chosen = settings("losses.target=scaled", "preprocess.input=hvg")
    with pytest.raises(SettingsError, match="non-negative features"):
        training.train(centred, chosen, seed=0, device="cpu")


def test_unknown_device_and_missing_gpu_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(SettingsError, match="no GPU is visible; use --device auto or cpu"):
        resolve_device("cuda")
    with pytest.raises(SettingsError, match="must be auto, cpu or cuda, got 'tpu'"):
        resolve_device("tpu")


# ---- parts -----------------------------------------------------------------------------------------


def test_parts_are_contiguous_and_partition_the_slice():
    position = np.stack(np.meshgrid(np.arange(8), np.arange(4)), -1).reshape(-1, 2)
    parts = spatial_parts(position, 16)
    assert sorted(np.concatenate(parts)) == list(range(32))
    assert [sorted({int(x) for x in position[part, 0]}) for part in parts] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_halo_reaches_as_many_steps_as_asked_for_on_any_graph():
    """0 - 1 - 2 - 3 - 4 on one graph, 0 = 4 on the other."""
    path = sparse.csr_matrix(np.diag(np.ones(4), 1) + np.diag(np.ones(4), -1))
    jump = sparse.csr_matrix(([1, 1], ([0, 4], [4, 0])), shape=(5, 5))
    start = np.array([0])
    assert list(with_halo(start, [path], 2)) == [0, 1, 2]
    assert list(with_halo(start, [path, jump], 1)) == [0, 1, 4]
    assert list(with_halo(start, [path, jump], 0)) == [0]


@pytest.mark.parametrize("shape", [*SHAPES, "model.dims=[8, 8, 8]"])
@pytest.mark.parametrize("norm", ["sym", "rw"])
def test_parts_with_halo_give_the_embeddings_and_gradients_of_the_full_graph(arrays, shape, norm):
    chosen, device = settings(shape, f"model.norm={norm}"), torch.device("cpu")
    outcomes = []
    for part_spots in (0, 40):
        problem = training.prepare(arrays, chosen, device, part_spots)
        assert (problem.parts is None) == (part_spots == 0)
        model = training.build_model(problem, chosen, seed=0)
        training.backward_one_step(model, problem, chosen, np.random.default_rng(0))
        encoding = model(problem.views) if not part_spots else PartwiseEncoder(model, problem.parts).encode()
        outcomes.append([encoding.z, encoding.attention, *(p.grad for p in model.parameters())])
    for by_part, whole in zip(outcomes[1], outcomes[0], strict=True):
        torch.testing.assert_close(by_part, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["sampled", "exact"])
def test_one_term_after_the_other_gives_the_gradients_of_their_total(arrays, mode):
    chosen = settings(f"losses.contrastive_mode={mode}", "losses.n_negatives=20", "losses.regulariser=0.5")
    problem = training.prepare(arrays, chosen, torch.device("cpu"))
    outcomes = []
    for by_term in (False, True):
        model, draws = training.build_model(problem, chosen, seed=0), np.random.default_rng(0)
        if by_term:
            values = training.backward_one_step(model, problem, chosen, draws)
        else:
            terms = loss_terms(model, model(problem.views), problem, chosen, draws)
            terms[-1].backward()
            values = torch.stack(terms).detach()
        outcomes.append([values, *(p.grad for p in model.parameters())])
    for found, expected in zip(outcomes[1], outcomes[0], strict=True):
        assert torch.equal(found, expected)


def test_a_term_of_weight_0_is_not_computed(arrays, monkeypatch):
    chosen = settings("losses.contrastive=0")
    problem = training.prepare(arrays, chosen, torch.device("cpu"))
    model = training.build_model(problem, chosen, seed=0)
    monkeypatch.setattr("tissuegraph.stmfg.objective.contrast", lambda *_: pytest.fail("computed"))
    values = training.backward_one_step(model, problem, chosen, np.random.default_rng(0))
    assert values[1] == 0
    assert values[-1] == chosen.losses.zinb * values[0] + chosen.losses.regulariser * values[2]


def test_training_falls_back_once_to_parts_and_then_to_the_cpu_when_a_gpu_is_too_small(arrays, monkeypatch):
    tried = []

    def too_small(arrays, settings, device, part_spots, judged):
        tried.append((device.type, part_spots))
        if device.type == "cuda":
            raise torch.OutOfMemoryError("pretended")
        return prepare(arrays, settings, device, part_spots, judged)

    prepare = training.prepare
    monkeypatch.setattr(training, "prepare", too_small)
    monkeypatch.setattr(training, "resolve_device", lambda device: torch.device("cuda"))
    result = training.train(arrays, settings("model.dims=[8]"), seed=0)
    assert tried == [("cuda", 0), ("cuda", 9), ("cpu", 0)]
    assert result.device == "cpu"
    assert [note.split("; ")[1] for note in result.warnings] == [
        "trained in parts of 9 spots",
        "trained on the CPU",
    ]


def test_saved_embeddings_hold_every_seed(arrays, tmp_path):
    results = training.train_seeds(
        arrays, settings("model.dims=[8]", "model.head_dim=0"), seeds=[1, 2], device="cpu"
    )
    save_embeddings(tmp_path / "embedding.npz", [1, 2], results)
    with np.load(tmp_path / "embedding.npz") as stored:
        assert stored["embeddings"].shape == stored["untrained"].shape == (2, SIDE**2, 8)
        assert stored["attention"].shape == (2, SIDE**2, 2)
        assert list(stored["seeds"]) == [1, 2]
