"""One encoder for several sections."""

import numpy as np
import pytest
import torch
from helpers.sections import NAMES, labels_of, section

from tissuegraph.cohorts.components import fit_loadings
from tissuegraph.errors import InputError
from tissuegraph.presets import load_settings
from tissuegraph.regions.sections import codes_of
from tissuegraph.stmfg.joint import network_arrays
from tissuegraph.stmfg.sections import prepare_sections, train_sections, training_parts, turns

SETTINGS = load_settings("stmfg/default", ["optimiser.epochs=20"])


@pytest.fixture(scope="module")
def arrays():
    stored = [section(0), section(1)]
    loadings = fit_loadings([lambda: stored[0]])
    nothing = np.zeros(loadings.vectors.shape[1])
    return [network_arrays(loadings, one, nothing, SETTINGS) for one in stored]


def trained(arrays, codes=None, seed=0, settings=SETTINGS):
    return train_sections(
        prepare_sections(arrays, settings, "cpu"),
        settings,
        seed=seed,
        codes=codes,
        n_classes=len(NAMES) if codes else 0,
    )


def test_every_section_takes_its_turn_before_any_takes_another():
    order = turns(3, 2, np.random.default_rng(0))
    assert len(order) == 6
    assert set(order[:3]) == set(order[3:]) == {0, 1, 2}


def test_many_sections_cost_no_more_steps_than_four():
    assert len(turns(100, 10, np.random.default_rng(0))) == 40


def test_the_classifier_carries_over_to_a_section_without_labels(arrays):
    codes = codes_of(labels_of(), NAMES)
    found = trained(arrays, [codes, None]).posterior(arrays[1])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == codes).mean() > 0.9


def test_labels_of_spots_that_are_unknown_do_not_matter(arrays):
    codes = codes_of(labels_of(), NAMES)
    hidden = codes.copy()
    hidden[::2] = -1
    other = trained(arrays, [hidden, np.full(144, -1)])
    same = trained(arrays, [hidden, None])
    np.testing.assert_array_equal(other.posterior(arrays[1]), same.posterior(arrays[1]))


def test_an_encoder_without_classifier_embeds_every_section(arrays):
    encoder = trained(arrays)
    assert encoder.embed(arrays[1]).shape == (144, SETTINGS.model.head_dim)
    assert encoder.posterior(arrays[1]).shape == (144, 0)


def test_training_repeats_itself_and_depends_on_the_seed(arrays):
    one, again, other = trained(arrays), trained(arrays), trained(arrays, seed=1)
    np.testing.assert_array_equal(one.embed(arrays[0]), again.embed(arrays[0]))
    assert np.abs(one.embed(arrays[0]) - other.embed(arrays[0])).max() > 1e-3


def test_a_section_of_a_lattice_is_one_part_with_all_its_spots():
    grid = np.stack(np.divmod(np.arange(4992), 64), axis=1)
    (parts,) = training_parts([grid])
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(4992))


def test_large_sections_are_cut_into_parts_that_hold_every_spot_once():
    xy = np.random.default_rng(0).random((23_000, 2))
    (parts,) = training_parts([xy])
    assert max(map(len, parts)) <= 5000
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(23_000))


def test_of_too_many_spots_every_section_gives_parts_from_all_over_its_tissue(monkeypatch):
    monkeypatch.setattr("tissuegraph.stmfg.sections.STEP_SPOTS", 100)
    monkeypatch.setattr("tissuegraph.stmfg.sections.MOST_SPOTS", 1000)
    rng = np.random.default_rng(0)
    positions = [rng.random((800, 2)), rng.random((800, 2)), rng.random((150, 2))]
    taken = training_parts(positions)
    sizes = [sum(map(len, parts)) for parts in taken]
    assert sum(sizes) <= 1000
    assert sizes[2] == 150
    assert min(sizes[:2]) >= 400
    for xy, parts in zip(positions[:2], taken[:2], strict=True):
        centres = np.array([xy[part].mean(axis=0) for part in parts])
        assert (np.ptp(centres, axis=0) > 0.45).all()  # halves and quarters of the tissue all take part


def test_a_loss_that_is_not_finite_is_refused(arrays, monkeypatch):
    monkeypatch.setattr("tissuegraph.stmfg.sections.loss_terms", lambda *_: (torch.tensor(torch.inf),))
    with pytest.raises(InputError, match="diverged in step 1 of 40"):
        trained(arrays)
