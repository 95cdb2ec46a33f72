"""Parts of large slices: contiguous, of every slice, never more than asked for beyond one each."""

import numpy as np
import pytest
import torch
from helpers.paired import PairedSettings, paired_slices

from tissuegraph.presets import load_settings
from tissuegraph.spahgc.baselines import Tuning
from tissuegraph.spahgc.inner_validation import validate_inside
from tissuegraph.spahgc.sampling import sampled_parts
from tissuegraph.spahgc.training_set import TrainingSet

SIDES = (40, 60, 20)


@pytest.fixture
def positions():
    return [np.argwhere(np.ones((side, side))) * 100.0 for side in SIDES]


def test_small_cohorts_are_used_whole(positions):
    found = sampled_parts(positions, sum(side**2 for side in SIDES))
    assert [len(parts) for parts in found] == [1, 1, 1]
    for (spots,), position in zip(found, positions, strict=True):
        np.testing.assert_array_equal(spots, np.arange(len(position)))


def test_parts_are_distinct_compact_and_within_the_limit(positions):
    found = sampled_parts(positions, 2_000)
    assert all(found)
    assert 1_200 < sum(len(part) for parts in found for part in parts) <= 2_000
    for parts, position in zip(found, positions, strict=True):
        together = np.concatenate(parts)
        assert len(np.unique(together)) == len(together)
        for part in parts:
            area = np.prod(np.ptp(position[part], axis=0) / 100 + 1)
            assert len(part) >= 0.7 * area  # no holes: neighbours stay together


def test_the_same_positions_give_the_same_parts_and_every_slice_gives_one(positions):
    many = [position + 1 for position in positions] * 20
    for first, second in zip(sampled_parts(many, 300), sampled_parts(many, 300), strict=True):
        assert len(first) == 1
        np.testing.assert_array_equal(first[0], second[0])


SMALL = ["optimiser.max_spots=256", "validation.max_spots=256", "optimiser.epochs=1"]
CPU = torch.device("cpu")


def test_of_large_slices_parts_are_trained_on_and_all_spots_serve():
    slices = paired_slices(PairedSettings(n_slices=3, side=20, n_genes=8), seed=0)
    settings = load_settings("default", SMALL, method="spahgc")
    training = TrainingSet(slices, slices[0].genes, settings, by="slice")
    graphs = [source() for source in training.graphs(Tuning(7, 10.0, "knn"), CPU)]
    assert [int(graph["target"].inner.sum()) for graph in graphs] == [200, 200, 200]
    image = training.references.images
    for graph, served in zip(graphs, ([1, 2], [0, 2], [0, 1]), strict=True):
        known = np.concatenate([image[place] for place in served])
        rows = graph["reference"].x[:, : known.shape[1]].numpy()
        found = [int(np.flatnonzero((known == row).all(axis=1))[0]) for row in rows]
        assert min(found) < 200
        assert max(found) > 600  # of 800: not only those that are trained on


def test_what_is_held_out_inside_is_a_sample_too():
    slices = paired_slices(PairedSettings(n_slices=2, side=20, n_genes=8), seed=0)
    settings = load_settings("default", SMALL, method="spahgc")
    (inner,) = validate_inside(slices, slices[0].genes, settings, seeds=[0], device=CPU)
    assert inner.history["held_out_inside"] == [["S1"], ["S2"]]
    assert np.isfinite(inner.reliability).all()
