"""Up to 10^6 generated cells for benchmarks, with time and memory linear in the non-zero counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tissuegraph.synthetic.expression import Programme, draw_programme
from tissuegraph.synthetic.settings import CELLS, PATCHY, SliceSettings
from tissuegraph.synthetic.tissue import Tissue, draw_tissue, scatter_cells

TABLE = 1 << 18
CHUNK = 8192  # cells drawn at a time
CELL_SPACING_UM = 12.0
DISPERSION = 1.6  # variance over mean


@dataclass(frozen=True, eq=False)
class LargeCells:
    """N single cells of G genes. counts: CSR (N, G) float32; position: (N, 2) micrometres; domain: (N,)."""

    counts: sparse.csr_matrix
    position: np.ndarray
    domain: np.ndarray
    genes: np.ndarray


def large_cells(
    n: int,
    n_genes: int = 3000,
    seed: int = 0,
    *,
    n_domains: int = 8,
    architecture: str = PATCHY,
    depth: float = 260.0,
    signal: float = 1.0,
) -> LargeCells:
    """Draw n scattered cells; the default depth gives 6 to 7 % non-zero entries with 3,000 genes.

    Every cell has one type, drawn from the composition of its domain. Counts are negative binomial
    with variance DISPERSION times the mean, drawn as a compound Poisson variable: a Poisson number of
    bursts per cell, a gene for each burst, and a logarithmic number of transcripts in it (Quenouille
    1949). No array of shape (n, n_genes) is ever made, dense or in part.
    """
    settings = SliceSettings(
        seed=seed, programme_seed=seed, architecture=architecture, lattice=CELLS, n_spots=n, n_genes=n_genes,
        n_domains=n_domains, pitch_um=CELL_SPACING_UM, softness_um=0.5 * CELL_SPACING_UM, signal=signal,
        depth=depth,
    )  # fmt: skip
    tissue = draw_tissue(settings)
    programme = draw_programme(settings)
    position = _along_rows(scatter_cells(settings.stream("places"), tissue, n))
    blocks, domain = zip(*draw_blocks(settings, tissue, programme, position), strict=True)
    return LargeCells(sparse.vstack(blocks, format="csr"), position, np.concatenate(domain), programme.genes)


def draw_blocks(
    settings: SliceSettings, tissue: Tissue, programme: Programme, position: np.ndarray
) -> Iterator[tuple[sparse.csr_matrix, np.ndarray]]:
    """Counts CSR (B, G) float32 and domain (B,) of CHUNK places (N, 2) after the other, for those who
    cannot hold all at once.
    """
    rng = settings.stream("cells")
    for start in range(0, len(position), CHUNK):
        member = tissue.membership(position[start : start + CHUNK]).T  # (B, K)
        cell_type = _draw_rows(rng, member @ programme.composition)
        counts = _draw_block(rng, programme.profile, cell_type, settings.depth, settings.depth_sd)
        yield counts, member.argmax(axis=1)


def _draw_block(rng, profile: np.ndarray, cell_type: np.ndarray, depth: float, depth_sd: float):
    """Counts CSR (B, G) float32 of cells with the given types (B,); profile (T, G) as in Programme."""
    p = 1 - 1 / DISPERSION  # of the logarithmic distribution
    probability = -(p ** np.arange(1, 24)) / (np.arange(1, 24) * np.log1p(-p))
    burst_size = probability @ np.arange(1, 24)
    n_bursts = rng.poisson(depth * np.exp(depth_sd * rng.standard_normal(len(cell_type))) / burst_size)
    cell = np.repeat(np.arange(len(cell_type), dtype=np.int32), n_bursts)
    gene = np.empty(len(cell), dtype=np.int32)
    burst_type = np.repeat(cell_type.astype(np.int8), n_bursts)
    for kind, share in enumerate(profile):
        chosen = np.flatnonzero(burst_type == kind)
        gene[chosen] = _draw_from_table(rng, share, len(chosen))
    size = 1 + _draw_from_table(rng, probability, len(cell)).astype(np.float32)
    # the constructor adds up bursts of the same gene in the same cell
    return sparse.csr_matrix((size, (cell, gene)), shape=(len(cell_type), profile.shape[1]))


def _draw_from_table(rng: np.random.Generator, share: np.ndarray, n: int) -> np.ndarray:
    """n categories (n,) int32, by looking up the inverse distribution function at TABLE points.

    Several times faster than bisection; a share is met to within 1 / TABLE.
    """
    edges = np.cumsum(share)
    table = np.searchsorted(edges[:-1] / edges[-1], (np.arange(TABLE) + 0.5) / TABLE).astype(np.int32)
    return table[rng.integers(0, TABLE, n, dtype=np.int32)]


def _draw_rows(rng: np.random.Generator, share: np.ndarray) -> np.ndarray:
    """One category (B,) per row of shares (B, T)."""
    edges = np.cumsum(share, axis=1)
    return (rng.random((len(share), 1)) * edges[:, -1:] > edges).sum(axis=1)


def _along_rows(position: np.ndarray) -> np.ndarray:
    """Points sorted into strips, so that neighbours are near each other in memory."""
    strip = np.floor(position[:, 1] / (20 * CELL_SPACING_UM))
    return position[np.lexsort((position[:, 0], strip))]
