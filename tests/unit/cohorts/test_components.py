"""Components that sections share."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.sections import labels_of, section

from tissuegraph.cohorts.components import fit_loadings, smoothed_scores
from tissuegraph.errors import InputError
from tissuegraph.slices.preprocess import log1p, normalise, pca, total_counts


def reader(stored):
    return lambda: stored


def test_of_one_section_the_scores_are_its_principal_components():
    stored = section(0)
    loadings = fit_loadings([reader(stored)], n_components=5)
    order = [stored.gene_ids.tolist().index(gene) for gene in loadings.genes]
    counts = stored.counts[:, order]
    expected = pca(log1p(normalise(counts, total_counts(counts), "median")), 5)
    np.testing.assert_allclose(loadings.scores(stored), expected, atol=2e-3)


def test_the_order_of_the_sections_does_not_matter():
    one, other = section(0), section(1, batch=0.4)
    first, second = fit_loadings([reader(one), reader(other)]), fit_loadings([reader(other), reader(one)])
    np.testing.assert_allclose(first.scores(one), second.scores(one), atol=1e-9)


def test_what_differs_between_sections_is_no_component_and_stays_in_the_scores():
    one, other = section(0), section(1)
    shifted = other.counts.toarray()
    shifted[:, :9] *= 6  # half of the genes of layer 1, wherever the spot lies
    loadings = fit_loadings([reader(one), reader(replace(other, counts=type(other.counts)(shifted)))])
    apart = loadings.scores(replace(other, counts=type(other.counts)(shifted))).mean(axis=0)
    assert np.linalg.norm(apart - loadings.scores(one).mean(axis=0)) > 0.5


def test_a_large_section_weighs_no_more_than_a_small_one():
    small, large = section(0), section(1, batch=0.6)
    twice = replace(
        large,
        counts=type(large.counts)(np.vstack([large.counts.toarray()] * 2)),
        barcodes=np.arange(2 * len(large.barcodes)).astype(str),
        xy=np.vstack([large.xy, large.xy + 1e5]),
    )
    once = fit_loadings([reader(small), reader(large)])
    again = fit_loadings([reader(small), reader(twice)])
    assert set(once.genes) == set(again.genes)
    overlap = np.linalg.svd(once.vectors[:, :2].T @ again.vectors[:, :2], compute_uv=False)
    assert overlap.min() > 0.99  # the same plane: the copy adds no weight beyond the median depth


def test_genes_are_told_apart_by_name_where_identifiers_differ():
    one, other = section(0), section(1)
    renamed = replace(other, gene_ids=np.char.add("other", other.gene_ids))
    loadings = fit_loadings([reader(one), reader(renamed)])
    assert loadings.by == "genes"
    assert loadings.scores(renamed).shape == (144, min(15, len(loadings.genes)))


def test_sections_without_a_common_gene_are_refused():
    one, other = section(0), section(1)
    odd = replace(other, gene_ids=np.char.add("x", other.gene_ids), genes=np.char.add("x", other.genes))
    with pytest.raises(InputError, match="no gene in common"):
        fit_loadings([reader(one), reader(odd)])


def test_smoothing_brings_spots_of_a_region_together():
    stored = section(0)
    scores, smoothed = smoothed_scores(fit_loadings([reader(stored)]), stored)
    inside = labels_of() == "L2"
    assert smoothed[inside].var(axis=0).sum() < 0.5 * scores[inside].var(axis=0).sum()


def test_counts_of_missing_genes_are_zero_and_of_the_others_their_own():
    stored = section(0)
    loadings = fit_loadings([reader(stored)])
    fewer = replace(stored, counts=stored.counts[:, 1:], genes=stored.genes[1:], gene_ids=stored.gene_ids[1:])
    lost = int(np.flatnonzero(loadings.genes == "ENSGg0")[0])
    found = loadings.counts(fewer).toarray()
    assert not found[:, lost].any()
    np.testing.assert_array_equal(
        np.delete(found, lost, 1), np.delete(loadings.counts(stored).toarray(), lost, 1)
    )
