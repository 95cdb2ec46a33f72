"""The share of a section's spatial variation that other sections' components carry."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.sections import N_GENES, section
from scipy import sparse

from tissuegraph.cohorts.carried import carried_share
from tissuegraph.cohorts.components import fit_loadings
from tissuegraph.slices.preprocess import log1p, normalise, total_counts


@pytest.fixture(scope="module")
def loadings():
    return fit_loadings([lambda: section(0)])


def striped(seed, genes):
    """A section of the same size in which only these genes vary over the tissue, from column to column."""
    rng = np.random.default_rng(seed)
    stored = section(seed)
    rate = np.full((len(stored.xy), N_GENES), 2.0)
    high = np.isin(stored.xy[:, 0] // 100, (0, 1, 2, 6, 7, 8))
    rate[np.ix_(high, genes)] = 8.0
    return replace(stored, counts=sparse.csr_matrix(rng.poisson(rate).astype(np.float32)))


def test_another_section_of_the_tissue_is_carried_and_what_other_genes_do_is_not(loadings):
    same, foreign = carried_share(loadings, section(5)), carried_share(loadings, striped(5, range(0, 60, 7)))
    assert same > 0.8
    assert foreign < 0.5


def test_by_hand_it_is_the_covariance_with_the_neighbours_along_the_components(loadings):
    stored = section(3, rows=9, columns=9)
    there = [stored.gene_ids.tolist().index(gene) for gene in loadings.genes]
    counts = stored.counts[:, there]
    values = log1p(normalise(counts, total_counts(counts), loadings.depth)).toarray().astype(float)
    far = ((stored.xy[:, None] - stored.xy) ** 2).sum(axis=2) + np.where(np.eye(81) > 0, 1e12, 0)
    nearby = np.stack([values[np.argsort(row, kind="stable")[:6]].mean(axis=0) for row in far])
    covariance = (values - values.mean(axis=0)).T @ nearby
    basis = np.linalg.qr(loadings.vectors)[0]
    expected = np.trace(basis.T @ covariance @ basis) / np.trace(covariance)
    # ties between equally near spots are broken in either way
    assert carried_share(loadings, stored) == pytest.approx(expected, abs=0.03)


def test_blocks_of_spots_give_the_same(loadings, monkeypatch):
    whole = carried_share(loadings, section(2))
    monkeypatch.setattr("tissuegraph.cohorts.carried._BLOCK", 37)
    assert carried_share(loadings, section(2)) == pytest.approx(whole, rel=1e-9)


def test_nothing_is_said_of_few_spots_or_where_nothing_varies(loadings):
    assert carried_share(loadings, section(0, rows=6, columns=6)) is None
    even = np.full((144, N_GENES), 3.0, dtype=np.float32)
    noise = np.random.default_rng(0).poisson(even).astype(np.float32)
    for counts in (even, noise):
        assert carried_share(loadings, replace(section(0), counts=sparse.csr_matrix(counts))) is None
