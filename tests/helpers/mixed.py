"""Slides of two tissues in different shares, whose expression is known to follow from the image.

    log rate of gene g in spot i = base_g + effect_g * [i is tumour] + within_g . v_i + depth

What the image shows of the tissue differs between slides by its share; v differs within slides only. A stain
adds one offset to all features of a slide: an image then says less about the share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.spahgc.slices import HistologySlice


@dataclass(frozen=True, kw_only=True)
class MixedSettings:
    """What the generated slides look like; shares: of tumour, one per slide."""

    shares: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7)
    side: int = 16  # spots along one side of a lattice
    n_genes: int = 40  # half of them higher in tumour
    n_within: int = 6  # features that vary within both tissues
    n_tissue: int = 4  # features that tell the tissues apart
    effect: float = 1.0  # of tumour on the log rate of its genes
    within: float = 0.3  # standard deviation of the loadings
    noise: float = 0.5  # of the features that tell the tissues apart
    stain: float = 0.0  # standard deviation of a slide's offset
    mean_count: float = 8.0


def mixed_slices(settings: MixedSettings, seed: int) -> list[HistologySlice]:
    """One slide per share, named S1, S2 ..., of a patient each; genes TUMOUR... and OTHER..."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 0.5, settings.n_genes)
    within = rng.normal(0, settings.within, (settings.n_within, settings.n_genes))
    return [
        _slice(settings, place, share, base, within, np.random.default_rng([seed, place]))
        for place, share in enumerate(settings.shares)
    ]


def _slice(settings, place, share, base, within, rng) -> HistologySlice:
    grid = np.stack(np.meshgrid(*[np.arange(settings.side)] * 2), -1).reshape(-1, 2)
    n_spots, half = len(grid), settings.n_genes // 2
    field = grid @ rng.normal(size=2) + rng.normal(0, 1, n_spots)  # tumour at one side, with a ragged edge
    tumour = field.argsort().argsort() < round(share * n_spots)
    varying = rng.normal(size=(n_spots, settings.n_within))
    tissue = tumour[:, None] + rng.normal(0, settings.noise, (n_spots, settings.n_tissue))
    image = np.column_stack([tissue, varying])
    image += rng.normal(0, settings.stain, image.shape[1])
    effect = np.where(np.arange(settings.n_genes) < half, settings.effect, 0.0)
    rate = np.exp(base + np.outer(tumour, effect) + varying @ within + rng.normal(0, 0.2, (n_spots, 1)))
    names = [f"{'TUMOUR' if gene < half else 'OTHER'}{gene:02d}" for gene in range(settings.n_genes)]
    return HistologySlice(
        name=f"S{place + 1}",
        patient=f"P{place + 1}",
        group=None,
        image=image,
        position=100.0 * grid,
        pitch=100.0,
        counts=sparse.csr_matrix(rng.poisson(rate * settings.mean_count)),
        genes=np.array(names),
    )
