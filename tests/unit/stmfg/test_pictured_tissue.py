"""On tissue whose regions only the picture shows: training keeps them in the embedding, as MultiST does."""

import functools

import numpy as np
import pytest
from helpers.pictured_tissue import N_REGIONS, pictured_tissue
from sklearn.metrics import adjusted_rand_score

from tissuegraph.clustering.domains import find_domains
from tissuegraph.multist.training import train_seeds
from tissuegraph.presets import load_settings
from tissuegraph.slices.smoothing import mean_over_nearest
from tissuegraph.stmfg import training

SETTINGS = load_settings("stmfg/default", ["optimiser.epochs=60"])
SMALL = {"contrast": 1.6, "side": 26}


@functools.cache
def trained(seed):
    """The tissue, its arrays and stMFG with the image of its spots."""
    made = pictured_tissue(seed, "picture", **SMALL)
    arrays = made.arrays(SETTINGS)
    return made, arrays, training.train(arrays, SETTINGS, seed=0, device="cpu", image=made.image)


def share_of_regions(embedding, made):
    """Share of the variance of the smoothed embedding that lies between the regions."""
    smooth = mean_over_nearest(made.position, 18) @ embedding
    smooth = smooth - smooth.mean(0)
    between = [
        (made.domain == region).sum() * np.square(smooth[made.domain == region].mean(0)).sum()
        for region in range(N_REGIONS)
    ]
    return sum(between) / np.square(smooth).sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_training_does_not_dilute_what_only_the_picture_shows(seed):
    made, _, result = trained(seed)
    assert result.image_trust > 0.5
    assert share_of_regions(result.embedding, made) > 0.95 * share_of_regions(result.untrained, made)


@pytest.mark.long
def test_stmfg_finds_what_multist_finds_and_trusts_the_image_as_much():
    made, arrays, result = trained(0)
    settings = load_settings("multist/default")
    theirs = made.arrays(settings)
    (other,) = train_seeds(theirs, settings, seeds=[0], device="cpu", image=made.image)
    scores = [
        adjusted_rand_score(
            made.domain, find_domains(found.embedding[None], arrays, N_REGIONS, chosen.clustering).labels
        )
        for found, chosen in ((result, SETTINGS), (other, settings))
    ]
    assert scores[0] >= scores[1] - 0.1
    assert result.image_trust == pytest.approx(other.image_trust, abs=0.2)
