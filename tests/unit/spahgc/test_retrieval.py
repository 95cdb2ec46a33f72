"""Retrieval of references: exact, in any tiling, with equal scores in the order of the references."""

import numpy as np
import pytest
import torch

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.spahgc.retrieval import retrieve, top_k


def brute_force(targets, references, k, metric):
    """All pairs at once, in float64; stable sort, so ties go to the earlier reference."""
    bank = np.concatenate(references).astype(np.float64)
    x = targets.astype(np.float64)
    if metric == "cosine":
        unit = [each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-12) for each in (x, bank)]
        scores = unit[0] @ unit[1].T
    elif metric == "l1":
        scores = -np.abs(x[:, None] - bank).sum(-1)
    else:
        scores = -np.sqrt(((x[:, None] - bank) ** 2).sum(-1))
    return np.argsort(-scores, axis=1, kind="stable")[:, :k], scores


def cloud(rng, sizes, width):
    return [rng.normal(size=(size, width)).astype(np.float32) for size in sizes]


@pytest.mark.parametrize("metric", ["cosine", "l1", "euclidean"])
def test_stretchd_search_equals_brute_force(metric):
    rng = np.random.default_rng(1)
    targets, references = cloud(rng, [37], 6)[0], cloud(rng, [11, 150, 64], 6)
    expected, _ = brute_force(targets, references, 7, metric)
    for block, stretch in ((5, 9), (64, 1000), (37, 64)):
        found = retrieve(targets, references, 7, metric, block=block, stretch=stretch)
        np.testing.assert_array_equal(found.index, expected)
        assert (np.diff(found.score, axis=1) <= 0).all()


@pytest.mark.parametrize("metric", ["cosine", "l1"])
@pytest.mark.parametrize("stretch", [3, 50, 5000])
def test_ties_go_to_the_earlier_reference(metric, stretch):
    rng = np.random.default_rng(2)
    # signs along the axes: every score is exact in float32, and most are shared by many references
    references = [np.eye(4, dtype=np.float32)[rng.integers(0, 4, size)] for size in (600, 900)]
    targets = np.eye(4, dtype=np.float32)
    expected, _ = brute_force(targets, references, 7, metric)
    found = retrieve(targets, references, 7, metric, block=3, stretch=stretch)
    np.testing.assert_array_equal(found.index, expected)


def test_wide_rows_are_searched_as_a_full_sort_would():
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randint(0, 40, (30, 5003), generator=generator).float()  # many ties
    for scores in (coarse, torch.rand(30, 5003, generator=generator)):
        value, column = top_k(scores, 7)
        order = scores.argsort(dim=1, descending=True, stable=True)[:, :7]
        assert torch.equal(column, order)
        assert torch.equal(value, scores.gather(1, order))


def test_a_spot_can_be_kept_from_retrieving_itself():
    features = cloud(np.random.default_rng(4), [40], 5)[0]
    found = retrieve(features, [features], 3, exclude=np.arange(40), stretch=7).index
    assert not (found == np.arange(40)[:, None]).any()
    expected, _ = brute_force(features, [features], 4, "cosine")
    np.testing.assert_array_equal(found, expected[:, 1:])


def test_half_precision_bank_finds_nearly_the_same():
    rng = np.random.default_rng(5)
    targets, bank = cloud(rng, [50], 32)[0], cloud(rng, [400], 32)
    full = retrieve(targets, bank, 7).index
    half = retrieve(targets, [bank[0].astype(np.float16)], 7).index
    shared = np.mean([len(set(a) & set(b)) / 7 for a, b in zip(full, half, strict=True)])
    assert shared > 0.97


def test_fewer_references_than_asked_are_all_returned():
    rng = np.random.default_rng(6)
    found = retrieve(cloud(rng, [3], 4)[0], cloud(rng, [2, 1], 4), 7)
    assert found.index.shape == (3, 3)
    assert (np.sort(found.index, axis=1) == [0, 1, 2]).all()


def test_a_row_of_zeros_has_cosine_zero():
    found = retrieve(np.zeros((1, 2), np.float32), [np.ones((2, 2), np.float32)], 1)
    assert found.score[0, 0] == 0


def test_order_of_the_targets_does_not_matter():
    rng = np.random.default_rng(7)
    targets, references = cloud(rng, [30], 5)[0], cloud(rng, [80], 5)
    order = rng.permutation(30)
    np.testing.assert_array_equal(
        retrieve(targets, references, 5).index[order], retrieve(targets[order], references, 5).index
    )


def test_unusable_input_is_refused_with_the_remedy():
    features = np.ones((3, 2), np.float32)
    with pytest.raises(InputError, match="same encoder"):
        retrieve(features, [np.ones((3, 4), np.float32)], 1)
    with pytest.raises(InputError, match="at least one reference spot"):
        retrieve(features, [features[:0]], 1)
    with pytest.raises(SettingsError, match="cosine, euclidean or l1"):
        retrieve(features, [features], 1, "manhattan")
