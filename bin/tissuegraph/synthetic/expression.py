"""What the spots of a generated tissue express: cell-type mixtures and negative-binomial counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from tissuegraph.errors import SettingsError
from tissuegraph.synthetic import symbols
from tissuegraph.synthetic.planting import planted_change
from tissuegraph.synthetic.settings import SliceSettings
from tissuegraph.synthetic.tissue import Tissue

CHUNK = 2048  # spots drawn at a time: memory stays at CHUNK x genes
N_WAVES = 2  # spatially smooth programmes that ignore the domains


@dataclass(frozen=True, eq=False)
class Programme:
    """What all slices of one cohort share: T cell types, G genes, K domains.

    profile:     (T, G) expected share of each gene in a cell of each type, rows sum to 1
    composition: (K, T) expected share of each type in each domain, rows sum to 1
    marker_of:   (G,) the cell type that a gene marks, -1 for none
    shape:       (G,) gamma shape of the negative binomial: variance = mean + mean^2 / shape
    dropout:     (G,) probability that a gene's counts in a spot are lost
    loading:     (N_WAVES + 1, G) response to the smooth nuisance waves and to per-spot stress
    """

    genes: np.ndarray
    gene_ids: np.ndarray
    type_names: tuple[str, ...]
    profile: np.ndarray
    composition: np.ndarray
    marker_of: np.ndarray
    shape: np.ndarray
    dropout: np.ndarray
    loading: np.ndarray
    mitochondrial: np.ndarray


def draw_programme(settings: SliceSettings) -> Programme:
    """Genes, cell types and domains of a cohort; depends on `programme_seed`, not on `seed`."""
    rng = settings.shared_stream("programme")
    names, marker_of, kind = _choose_genes(settings)
    n_genes, n_types = len(names), settings.n_types

    log_level = rng.normal(0, 1.1, n_genes)
    log_level[kind == "housekeeping"] = rng.normal(2.6, 0.5, (kind == "housekeeping").sum())
    log_level[kind == "marker"] = rng.normal(0.3, 0.8, (kind == "marker").sum())
    log_profile = np.tile(log_level, (n_types, 1))
    marker = np.flatnonzero(marker_of >= 0)
    fold = rng.gamma(4.0, settings.marker_log_fold / 4.0, len(marker))
    log_profile[marker_of[marker], marker] += fold
    profile = np.exp(log_profile)
    mito = kind == "mitochondrial"
    profile[:, mito] *= (
        0.08 * profile[:, ~mito].sum(1, keepdims=True) / profile[:, mito].sum(1, keepdims=True)
    )
    profile /= profile.sum(axis=1, keepdims=True)

    loading = rng.normal(0, 1, (N_WAVES + 1, n_genes)) * (rng.random((N_WAVES + 1, n_genes)) < 0.15)
    prefix = "ENSG" if settings.species == "human" else "ENSMUSG"
    mean_per_spot = settings.depth * profile.mean(axis=0)
    return Programme(
        genes=symbols.spelled(names, settings.species),
        gene_ids=np.array([f"{prefix}{90_000_000 + i:011d}" for i in range(n_genes)]),
        type_names=tuple(symbols.cell_types(settings.architecture, n_types)),
        profile=profile,
        composition=_composition(settings, rng),
        marker_of=marker_of,
        shape=settings.dispersion * np.exp(0.5 * rng.standard_normal(n_genes)),
        # weakly expressed genes are lost more often; the mean stays near settings.dropout
        dropout=np.clip(settings.dropout * 2 / (1 + np.sqrt(mean_per_spot)), 0, 0.95),
        loading=loading,
        mitochondrial=mito,
    )


def draw_counts(settings: SliceSettings, programme: Programme, tissue: Tissue, position: np.ndarray):
    """Counts of every spot and the mixture behind them.

    position: (N, 2) micrometres. Returns counts CSR (N, G) int32 and mixture (N, T).
    """
    rng = settings.stream("counts")
    n = len(position)
    mixture = draw_mixture(rng, tissue.membership(position).T @ programme.composition, settings.mixing)
    depth = settings.depth * np.exp(settings.depth_sd * rng.standard_normal(n))
    nuisance = settings.nuisance * np.column_stack([_waves(rng, tissue, position), rng.standard_normal(n)])
    batch = np.exp(settings.batch_sd * rng.standard_normal(len(programme.genes)))
    if settings.patient_sd:
        own = settings.patient_stream("genes").standard_normal(len(programme.genes))
        batch *= np.exp(settings.patient_sd * own)
    columns, change = planted_change(settings, programme.genes, tissue, position)
    damaged = rng.random(n) < settings.damaged
    depth[damaged] *= 0.08

    blocks = []
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        share = mixture[part] @ programme.profile * batch  # (B, G)
        share *= np.exp(nuisance[part] @ programme.loading)
        share[:, columns] *= np.exp(change[part])
        share[np.ix_(damaged[part], programme.mitochondrial)] *= 8.0
        mean = depth[part, None] * share / share.sum(axis=1, keepdims=True)
        blocks.append(
            sparse.csr_matrix(draw_negative_binomial(rng, mean, programme.shape, programme.dropout))
        )
    return sparse.vstack(blocks, format="csr"), mixture


def draw_mixture(rng: np.random.Generator, expected: np.ndarray, concentration: float) -> np.ndarray:
    """Dirichlet cell-type shares of each spot around expected shares (N, T)."""
    gamma = rng.standard_gamma(concentration * expected) + 1e-9
    return gamma / gamma.sum(axis=1, keepdims=True)


def draw_negative_binomial(rng, mean: np.ndarray, shape: np.ndarray, dropout: np.ndarray) -> np.ndarray:
    """Counts (B, G) with the given mean (B, G) and gamma shape (G,), then lost with probability (G,)."""
    rate = mean / shape * rng.standard_gamma(np.broadcast_to(shape, mean.shape))
    counts = rng.poisson(rate).astype(np.int32)
    counts[rng.random(counts.shape) < dropout] = 0
    return counts


def _choose_genes(settings: SliceSettings) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Symbols (G), cell type marked by each gene (G,) and kind of each gene (G,), in a shuffled order."""
    types = symbols.cell_types(settings.architecture, settings.n_types)
    fixed = symbols.MITOCHONDRIAL + symbols.HOUSEKEEPING
    per_type = int(settings.marker_share * settings.n_genes / settings.n_types)
    if len(fixed) + per_type * settings.n_types > settings.n_genes:
        raise SettingsError(f"n_genes is {settings.n_genes}: too few for {per_type} markers per cell type; "
                            "raise n_genes or lower marker_share")  # fmt: skip
    spare = iter(symbols.filler(settings.n_genes))
    names, marker_of, seen = list(fixed), [-1] * len(fixed), set(fixed)
    kind = ["mitochondrial"] * len(symbols.MITOCHONDRIAL) + ["housekeeping"] * len(symbols.HOUSEKEEPING)
    for index, known in enumerate(types.values()):
        own = [s for s in known if s not in seen][:per_type]
        own += [next(spare) for _ in range(per_type - len(own))]
        names, seen = names + own, seen | set(own)
        marker_of, kind = marker_of + [index] * per_type, kind + ["marker"] * per_type
    rest = settings.n_genes - len(names)
    names += [next(spare) for _ in range(rest)]
    order = settings.shared_stream("gene order").permutation(settings.n_genes)
    marker_of = np.array(marker_of + [-1] * rest)[order]
    return [names[i] for i in order], marker_of, np.array(kind + ["other"] * rest)[order]


def _composition(settings: SliceSettings, rng: np.random.Generator) -> np.ndarray:
    """Cell-type shares (K, T): each domain is rich in one type and shares a second with the next domain."""
    n_domains, n_types = settings.n_domains, settings.n_types
    log_base = 0.3 * rng.standard_normal(n_types)
    favoured = rng.permutation(n_types)
    enrichment = np.zeros((n_domains, n_types))
    for k in range(n_domains):
        turn = k // n_types  # more domains than types: the same main type, another partner
        enrichment[k, favoured[k % n_types]] += 2.15
        enrichment[k, favoured[(k + 1 + turn) % n_types]] += 1.25
    share = np.exp(log_base + settings.signal * enrichment)
    return share / share.sum(axis=1, keepdims=True)


def _waves(rng: np.random.Generator, tissue: Tissue, position: np.ndarray) -> np.ndarray:
    """Smooth fields (N, N_WAVES) over the tissue that know nothing of its domains."""
    coarse = rng.standard_normal((N_WAVES, 7, 7))
    where = position[:, ::-1].T / tissue.size.max() * 6
    return np.column_stack([ndimage.map_coordinates(c, where, order=3, mode="nearest") for c in coarse])
