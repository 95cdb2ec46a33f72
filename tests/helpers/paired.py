"""Slices with H&E features whose expression is known to follow from the image: of the spot, of its
neighbours, and of spots alike in other slices. For tests and benchmarks of inferred expression.

    log rate of gene g in spot i = table[kind_i, g] + loading_g * mean of u over the 5 nearest spots + depth

kind_i is one of K looks that the image shows as a noisy prototype, so `table` is a lookup that no linear
map of the features reproduces but an exemplar in another slice does. u is a feature of the image, drawn
anew in every spot, so a spot's own image says nothing about its neighbours' u.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from tissuegraph.spahgc.slices import HistologySlice

_NEIGHBOURS = 5


@dataclass(frozen=True, kw_only=True)
class PairedSettings:
    """What the generated slices look like."""

    n_slices: int = 4
    side: int = 16  # spots along one side of a jittered square lattice
    n_genes: int = 40
    n_features: int = 12
    n_looks: int = 40  # K
    look_noise: float = 0.25  # of the image around its prototype
    exemplar: float = 0.8  # standard deviation of the table: what references carry
    neighbour: float = 0.8  # standard deviation of the loadings: what neighbours carry
    mean_count: float = 8.0
    per_patient: int = 1  # slices of each patient
    own_looks: float = 0.0  # share of the looks that only one patient has: what a new patient cannot be told


def paired_slices(settings: PairedSettings, seed: int) -> list[HistologySlice]:
    """Slices of one group that share looks, table and loadings."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(settings.n_looks, settings.n_features - 1))
    table = rng.normal(0, settings.exemplar, (settings.n_looks, settings.n_genes))
    loading = rng.normal(0, settings.neighbour, settings.n_genes)
    genes = np.array([f"GENE{i:03d}" for i in range(settings.n_genes)])
    slices = []
    for place in range(settings.n_slices):
        own = _of_patient(
            settings, looks, table, np.random.default_rng([seed, 7, place // settings.per_patient])
        )
        slices.append(_slice(settings, place, *own, loading, genes, np.random.default_rng([seed, place])))
    return slices


def _of_patient(settings, looks, table, rng):
    """Looks and table of one patient: some of the looks, with their expression, are nobody else's."""
    n_own = round(settings.own_looks * len(looks))
    looks, table = looks.copy(), table.copy()
    looks[:n_own] = rng.normal(size=looks[:n_own].shape)
    table[:n_own] = rng.normal(0, settings.exemplar, table[:n_own].shape)
    return looks, table


def _slice(settings, place, looks, table, loading, genes, rng) -> HistologySlice:
    grid = np.stack(np.meshgrid(*[np.arange(settings.side)] * 2), -1).reshape(-1, 2)
    position = 100.0 * grid + rng.normal(0, 3, grid.shape)
    n_spots = len(grid)
    seeds = rng.uniform(0, 100.0 * settings.side, (3 * settings.n_looks, 2))  # patches of one look each
    kind = rng.integers(0, settings.n_looks, len(seeds))[cKDTree(seeds).query(position)[1]]
    u = rng.normal(size=n_spots)
    near = cKDTree(position).query(position, _NEIGHBOURS + 1)[1][:, 1:]
    around = u[near].mean(axis=1) * np.sqrt(_NEIGHBOURS)  # unit variance
    image = np.column_stack([looks[kind] + rng.normal(0, settings.look_noise, (n_spots, looks.shape[1])), u])
    rate = np.exp(table[kind] + np.outer(around, loading) + rng.normal(0, 0.2, (n_spots, 1)))
    counts = rng.poisson(rate * settings.mean_count / rate.mean())
    return HistologySlice(
        name=f"S{place + 1}",
        patient=f"P{place // settings.per_patient + 1}",
        group=None,
        image=image,
        position=position,
        pitch=100.0,
        counts=sparse.csr_matrix(counts),
        genes=genes,
    )
