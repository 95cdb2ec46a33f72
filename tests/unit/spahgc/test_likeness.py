"""Targets unlike their references: which are flagged, and which are not."""

import dataclasses

import numpy as np
import pytest
from helpers.paired import PairedSettings, paired_slices

from tissuegraph.presets import load_settings
from tissuegraph.spahgc import protocol
from tissuegraph.spahgc.likeness import SAMPLE, shift, similarity, some_tiles, unlike
from tissuegraph.spahgc.prediction import _averaged
from tissuegraph.spahgc.scaling import fit_image_scaling

NO_TRAINING = ["model.width=8", "model.heads=2", "model.layers=1", "optimiser.epochs=0"]
SETTINGS = load_settings("default", NO_TRAINING, method="spahgc")


@pytest.fixture(scope="module")
def slices():
    return paired_slices(PairedSettings(n_slices=4, side=10, n_genes=8, n_looks=6), seed=0)


def infer(slices, image):
    target = dataclasses.replace(slices[3].without_counts(), image=image)
    return protocol.infer(slices[:3], [target], SETTINGS, seed=0)[0]


def flags(inference):
    return [
        "tiles" if "the tiles of S4" in text else "slide" for text in inference.warnings if "unlike" in text
    ]


def test_similarity_is_the_mean_cosine_to_the_nearest_references():
    references = [np.array([[1.0, 0], [0, 1]]), np.array([[-1.0, 0]])]
    # (1, 1) has cosine 0.7071 with the first two; (1, 0) has 1 and 0
    found = similarity(np.array([[1.0, 1], [1, 0]]), references, 2)
    np.testing.assert_allclose(found, [np.sqrt(0.5), 0.5], rtol=1e-6)


def test_of_a_large_slice_tiles_from_its_first_to_its_last_are_taken():
    image = np.arange(3 * SAMPLE)[:, None]
    taken = some_tiles(image)[:, 0]
    assert len(np.unique(taken)) == SAMPLE
    assert (taken[0], taken[-1]) == (0, 3 * SAMPLE - 1)
    assert len(some_tiles(image[:5])) == 5


def test_shift_is_the_mean_distance_of_slide_means_in_standard_deviations():
    references = [np.array([[0.0, 10, 7], [2, 30, 7]])]  # means 1, 20, 7; deviations 1, 10, 0
    target = np.array([[3.0, 20, 9], [5, 20, 9]])  # means 4, 20: 3 and 0 deviations away
    assert shift(target, fit_image_scaling(references, "slice")) == pytest.approx(1.5)


def test_a_slice_like_its_references_is_not_flagged(slices):
    found = infer(slices, slices[3].image)
    assert flags(found) == []
    assert found.similarity.shape == (100,)


def test_noise_is_flagged_by_its_tiles(slices):
    noise = np.random.default_rng(0).normal(size=slices[3].image.shape)
    assert "tiles" in flags(infer(slices, noise))


def test_another_stain_is_flagged_though_scaling_by_slice_takes_it_out(slices):
    found = infer(slices, slices[3].image * 1.5 + 3)
    assert flags(found) == ["slide"]
    np.testing.assert_allclose(found.similarity, infer(slices, slices[3].image).similarity, atol=1e-5)


def test_the_rule_compares_with_the_least_similar_and_the_furthest_reference():
    usual = {
        "reference_similarity": [[0.5, 0.6, 0.7, 0.8, 0.9], [0.4, 0.6, 0.8, 0.8, 0.9]],
        "shift": [0.2, 0.8],
    }
    assert unlike("T", np.array([0.41]), 1.59, usual) == ()
    tiles, slide = unlike("T", np.array([0.39]), 1.61, usual)
    assert "0.39, of references held out from each other 0.70 to 0.80" in tiles
    assert "1.6 standard deviations away, those of references held out from each other 0.2 to 0.8" in slide
    close = usual | {"shift": [0.1, 0.2]}
    assert unlike("T", np.array([0.5]), 0.99, close) == ()  # below one deviation nothing is said


def test_spread_over_members_and_seeds_is_that_of_all_networks(slices):
    # Spot 1: members 0, 2 with seed 1 and 4, 6 with seed 2; spot 2: all of them 1
    one, two = (
        dataclasses.replace(
            infer(slices, slices[3].image),
            predicted=np.array([[mean], [1.0]], dtype=np.float32),
            variance=np.array([1.0, 0.0]),
            n_members=2,
            per_gene={},
        )
        for mean in (1.0, 5.0)
    )
    found = _averaged(one.genes[:1], [one, two], None)
    np.testing.assert_allclose(found.per_spot["prediction_sd"], [np.std([0, 2, 4, 6], ddof=1), 0], rtol=1e-6)
    assert (
        "prediction_sd"
        not in _averaged(one.genes[:1], [dataclasses.replace(one, n_members=1)], None).per_spot
    )


def test_members_are_averaged_one_at_a_time(slices):
    words = ["optimiser.members=2", "optimiser.epochs=2", "validation.every=2"]
    settings = load_settings("default", [*NO_TRAINING[:3], *words], method="spahgc")
    found = protocol.infer(slices[:3], [slices[3].without_counts()], settings, seed=0)[0]
    assert found.n_members == 2
    assert (found.variance >= 0).all()
    assert (found.variance.max() > 0) == (found.epochs_chosen > 0)
