"""Shared components, joint domains, and what is said of them without labels."""

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.clustering.labels import adjusted_rand, contingency
from tissuegraph.cohorts.components import fit_loadings
from tissuegraph.cohorts.joint import JointDomains, joint_domains
from tissuegraph.cohorts.matching import match_domains
from tissuegraph.cohorts.standing_out import robust, standing_out
from tissuegraph.cohorts.verdict import domain_shares, judge, mixing
from tissuegraph.errors import InputError
from tissuegraph.io.stored import StoredSlice

GENES = np.array([f"g{k}" for k in range(60)])


def counts(seed, depth=1.0, kinds=3):
    """Raw counts (90, 60) of three kinds of tissue, each with 20 genes of its own."""
    truth = np.arange(90) % kinds
    rate = np.full((90, 60), 0.5)
    for k in range(3):
        rate[truth == k, 20 * k : 20 * k + 20] = 4
    rng = np.random.default_rng(seed)
    return sparse.csr_matrix(rng.poisson(depth * rate).astype(np.float32)), truth


def section(counts, genes):
    """A stored section whose genes have no identifiers."""
    n_spots = counts.shape[0]
    nothing = np.full(len(genes), "")
    names = np.array([f"s{k}" for k in range(n_spots)])
    return StoredSlice(counts, names, genes, nothing, nothing, np.zeros((n_spots, 2)), 1.0)


def readers(*sections):
    return [lambda found=found: section(*found) for found in sections]


def test_shared_genes_are_those_of_all_sections_seen_in_enough_spots_of_half_of_them():
    first, second = counts(0)[0].toarray(), counts(1)[0].toarray()
    first[:, 0] = second[:, 0] = 0  # never seen
    first[:, 1] = 0  # seen in one of two: enough
    found = fit_loadings(
        readers((sparse.csr_matrix(first), GENES), (sparse.csr_matrix(second[:, :-1]), GENES[:-1]))
    )
    assert set(found.genes) == set(GENES) - {"g0", "g59"}


def test_sections_without_genes_in_common_are_refused():
    with pytest.raises(InputError, match="no gene in common"):
        fit_loadings(readers((counts(0)[0], GENES), (counts(1)[0], np.char.add("x", GENES))))


def test_the_order_of_genes_changes_no_score():
    one, other = counts(0)[0], counts(1)[0]
    loadings = fit_loadings(readers((one, GENES), (other, GENES)))
    turned = loadings.scores(section(one[:, ::-1], GENES[::-1]))
    np.testing.assert_allclose(turned, loadings.scores(section(one, GENES)), rtol=1e-4, atol=1e-4)


def test_loadings_are_those_of_section_centred_data_and_scores_keep_the_offset():
    one, other = counts(0)[0], counts(1, depth=1.0)[0].toarray()
    other[:, 5] += 40  # an offset between the sections, not between tissues
    other = sparse.csr_matrix(other)
    loadings = fit_loadings(readers((one, GENES), (other, GENES)))
    own, its = loadings.scores(section(one, GENES)), loadings.scores(section(other, GENES))
    place = int(np.flatnonzero(loadings.genes == "g5")[0])
    assert np.abs(loadings.vectors[place, :2]).max() < 0.5  # the leading components tell tissues apart
    assert np.linalg.norm(own.mean(axis=0) - its.mean(axis=0)) > 0.1


def test_joint_domains_are_the_same_tissue_in_sections_with_an_offset():
    rng = np.random.default_rng(0)
    truth = np.arange(120) % 3
    points = 8 * np.eye(3)[truth]
    sections = {name: points + rng.normal(size=points.shape) + shift for name, shift in (("a", 0), ("b", 30))}
    found = joint_domains(sections, 3, seeds=(0, 1))
    stacked = np.concatenate([found["a"].labels, found["b"].labels])
    assert adjusted_rand(contingency(stacked, np.tile(truth, 2), 3)) > 0.95
    assert found["a"].per_seed.shape == (2, 120)
    assert found["a"].confidence.min() >= 0


def joint_of(labels):
    labels = np.array(labels)
    return JointDomains(labels, np.ones(len(labels)), np.array([labels, labels]))


def judged(first, second, depth=(100.0, 100.0)):
    rng = np.random.default_rng(0)
    labels = {"a": np.array(first), "b": np.array(second)}
    components = {name: rng.normal(size=(len(rows), 2)) for name, rows in labels.items()}
    joint = {name: joint_of(rows) for name, rows in labels.items()}
    return judge(components, joint, labels, dict(zip(labels, depth, strict=True)))


def test_shares_count_sections_alike_whatever_their_size():
    # domain 0: half of a (2 of 4), all of b (2 of 2): 1/3 and 2/3
    found = domain_shares({"a": np.array([0, 0, 1, 1]), "b": np.array([0, 0])})
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3], [1, 0]])


def test_shared_domains_are_joined():
    verdict = judged([0, 1] * 50, [1, 0] * 50)
    assert (verdict.kind, verdict.joint_refused) == ("shared", False)
    assert verdict.figures["share_in_one_section"] == 0
    assert verdict.figures["stability"] == verdict.figures["agreement"] == 1


def test_where_most_domains_lie_in_one_section_joining_is_refused_with_the_figure():
    verdict = judged([0, 1] * 50, [2, 3] * 50)
    assert (verdict.kind, verdict.joint_refused) == ("separate", True)
    assert "4 of 4 joint domains lie in one section" in verdict.sentence


def test_the_same_of_sections_of_unlike_depth_is_called_a_possible_artefact():
    verdict = judged([0, 1] * 50, [2, 3] * 50, depth=(1000.0, 200.0))
    assert (verdict.kind, verdict.joint_refused) == ("depth artefact", True)
    assert "5.0-fold" in verdict.sentence


def test_one_domain_of_its_own_does_not_refuse_the_others():
    verdict = judged([0, 1, 2] * 40, [0, 1, 1] * 40)
    assert (verdict.kind, verdict.joint_refused) == ("partly shared", False)


def test_sections_in_one_place_mix_and_sections_apart_do_not():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
    assert mixing({"a": one, "b": other}) > 0.9
    assert mixing({"a": one, "b": other + 100}) == 0


def test_robust_scores_are_in_median_absolute_deviations():
    # median 3, deviations 2 1 0 1 97: median 1, times 1.4826
    assert robust([1, 2, 3, 4, 100], "quality")[4] == pytest.approx(97 / 1.4826)


def six(odd_composition=False, odd_depth=False):
    rng = np.random.default_rng(1)
    labels = {name: np.repeat([0, 1], [60, 40]) for name in "abcdef"}
    if odd_composition:
        labels["c"] = np.repeat([0, 1], [15, 85])
    components = {n: 9.0 * rows[:, None] + rng.normal(size=(100, 2)) for n, rows in labels.items()}
    depth = dict.fromkeys("abcdef", 1000.0) | ({"c": 100.0} if odd_depth else {})
    return standing_out(components, labels, match_domains(components, labels), depth)


def test_a_section_of_other_composition_stands_out_and_the_others_do_not():
    found = {entry.sample: entry for entry in six(odd_composition=True)}
    assert found["c"].composition > 3
    assert any("shares" in reason for reason in found["c"].reasons)
    assert not any("shares" in reason for name in "abdef" for reason in found[name].reasons)


def test_a_section_of_few_counts_stands_out():
    found = {entry.sample: entry for entry in six(odd_depth=True)}
    assert "it has fewer counts than the others" in found["c"].reasons
    assert found["a"].quality == 0


def test_of_three_sections_none_can_stand_out():
    labels = {name: np.repeat([0, 1], 10) for name in "abc"}
    components = {name: 9.0 * rows[:, None] + np.eye(20)[:, :2] for name, rows in labels.items()}
    found = standing_out(components, labels, match_domains(components, labels), dict.fromkeys("abc", 1.0))
    assert all(entry.profile is None and not entry.reasons for entry in found)
