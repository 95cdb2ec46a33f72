"""Principal components that several sections share: one set of genes, one depth, one set of loadings.

Loadings come from data centred section by section, so that no difference between sections becomes a
component; scores are *not* centred again, so that what differs between sections stays to be judged. N spots,
G genes, D components. Sections are read one at a time, as often as needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import eigh

from tissuegraph.errors import InputError
from tissuegraph.io.stored import StoredSlice
from tissuegraph.slices.panels import PANEL_GENES
from tissuegraph.slices.preprocess import detected_genes, hvg_scores, log1p, normalise, total_counts
from tissuegraph.slices.smoothing import averaging, smoothing_scale

N_COMPONENTS = 15
N_GENES = 3000
MIN_SPOTS = 0.03  # share of the spots of half of the sections where a gene, unless of a panel, has to be seen
LEAST_SHARE = 0.5  # of the loadings' variance that the genes of a section have to carry
_BLOCK = 8192  # spots made dense at a time

_OTHER = {"gene_ids": "genes", "genes": "gene_ids"}  # the two kinds of names of a gene

Reader = Callable[[], StoredSlice]


@dataclass(frozen=True, eq=False)
class Loadings:
    """What turns counts into shared components.

    genes (G,): names or identifiers, as `by` says ("gene_ids" or "genes"); mean (G,): of the log counts over
    the sections of the fit; vectors (G, D); depth: counts of these genes that every spot is scaled to; share
    (G,): of all counts of these genes, by which the depth of a section that lacks some is reckoned; others
    (G,): the same genes by the other of the two, empty where it is not known, for sections that keep only
    that one.
    """

    genes: np.ndarray
    by: str
    mean: np.ndarray
    vectors: np.ndarray
    depth: float
    share: np.ndarray
    others: np.ndarray

    def scores(self, section: StoredSlice) -> np.ndarray:
        """(N, D) float64, relative to the mean of the fit and not centred on the section.

        A gene that the section lacks counts as average. Raises InputError where those that are there carry
        less than half of the loadings.
        """
        values, there = self.values(section)
        vectors = self.vectors[there]
        return np.asarray(values @ vectors, dtype=np.float64) - self.mean[there] @ vectors

    def values(self, section: StoredSlice) -> tuple[sparse.csr_matrix, np.ndarray]:
        """Log counts at the depth of the fit (N, G') CSR of the genes that the section has, and which these
        are: (G,) bool.

        Raises InputError as `scores` does.
        """
        column, there = self._columns(section)
        weight = (self.vectors**2).sum(axis=1)
        carried = float(weight[there].sum() / weight.sum())
        if carried < LEAST_SHARE:
            raise InputError(
                f"{int(there.sum())} of the {len(there)} genes that the components are made of are in "
                f"this slice ({carried:.0%} of their weight, at least {LEAST_SHARE:.0%} are needed): is it "
                f"another panel or species, or are its genes named otherwise ({self.genes[0]} there, "
                f"{section.genes[0]} here)?"
            )
        chosen = section.counts[:, column[there]]
        depth = self.depth * float(self.share[there].sum())
        return log1p(normalise(chosen, total_counts(chosen), depth)), there

    def counts(self, section: StoredSlice) -> sparse.csr_matrix:
        """Counts of the genes of the fit, (N, G) CSR; no counts of a gene that the section lacks."""
        column, there = self._columns(section)
        place = sparse.csr_matrix(
            (np.ones(int(there.sum()), dtype=np.float32), (column[there], np.flatnonzero(there))),
            shape=(section.counts.shape[1], len(self.genes)),
        )
        return sparse.csr_matrix(section.counts @ place)

    def _columns(self, section: StoredSlice) -> tuple[np.ndarray, np.ndarray]:
        """Column of each gene in the section's counts, and whether it is there at all: two (G,).

        By the kind of name under which the section has more of them.
        """
        kinds = {self.by: self.genes, _OTHER[self.by]: self.others}
        found = [_places(_names(section, by), genes) for by, genes in kinds.items()]
        column = max(found, key=lambda columns: int((columns >= 0).sum()))  # the first of equal ones
        return column, column >= 0


def fit_loadings(
    sections: Sequence[Reader], n_components: int = N_COMPONENTS, n_genes: int = N_GENES
) -> Loadings:
    """Loadings of the sections, all weighing the same. The order of the sections does not matter.

    Genes shared by all, seen in 3 % of the spots of at least half of the sections, the most variable by mean
    rank. Memory: one section and two (G, G) matrices. Raises InputError where the sections share no such
    gene.
    """
    by, genes, others = _choose_genes(sections, n_genes)
    picked = [_picker(genes, by, read) for read in sections]
    totals = [total_counts(pick()) for pick in picked]
    depth = float(np.median(np.concatenate(totals)))
    size = len(genes)
    scatter, mean, share = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    for pick, total in zip(picked, totals, strict=True):
        counts = pick()
        share += np.asarray(counts.sum(axis=0, dtype=np.float64)).ravel() / max(
            total.sum(dtype=np.float64), 1
        )
        values = log1p(normalise(counts, total, depth))
        centre = np.asarray(values.mean(axis=0, dtype=np.float64)).ravel()
        scatter += _gram(values) / values.shape[0] - np.outer(centre, centre)
        mean += centre
    leading = (max(0, size - n_components), size - 1)
    _, vectors = eigh(scatter / len(sections), subset_by_index=leading)
    vectors = vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    vectors = vectors * np.where(largest < 0, -1.0, 1.0)
    return Loadings(genes, by, mean / len(sections), vectors, depth, share / len(sections), others)


def smoothed_scores(loadings: Loadings, section: StoredSlice) -> tuple[np.ndarray, np.ndarray]:
    """Scores as they are (N, D), and averaged over what is around each spot (N, D): see smoothing_scale."""
    scores = loadings.scores(section)
    around = smoothing_scale(scores, section.xy, section.um_per_px)
    return scores, np.asarray(averaging(section.xy, around) @ scores)


def _names(section: StoredSlice, by: str) -> np.ndarray:
    return np.asarray(getattr(section, by), dtype=str)


def _places(names: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Place of each gene among the names, -1 where it is not there: (G,)."""
    place = {name: index for index, name in enumerate(names) if name}
    return np.array([place.get(gene, -1) for gene in genes], dtype=int)


def _choose_genes(sections: Sequence[Reader], n_genes: int) -> tuple[str, np.ndarray, np.ndarray]:
    """How genes are told apart, the chosen ones in alphabetical order, and what else they are called.

    By identifier or by name, whichever more genes have in common: files differ in which of the two they keep.
    """
    seen = [_seen(read()) for read in sections]
    common = {
        by: sorted(set.intersection(*(set(names[by]) - {""} for names, _ in seen)))
        for by in ("gene_ids", "genes")
    }
    by = max(common, key=lambda name: len(common[name]))
    genes = np.array(common[by], dtype=str)
    if len(genes):
        places = [{gene: index for index, gene in enumerate(names[by])} for names, _ in seen]
        columns = [np.array([place[gene] for gene in genes]) for place in places]
        share = np.mean([detected[own] for (_, detected), own in zip(seen, columns, strict=True)], axis=0)
        chosen = np.flatnonzero(share >= 0.5)
        if len(chosen) > n_genes:
            rank = np.mean(
                [_variable(read(), own) for read, own in zip(sections, columns, strict=True)], axis=0
            )
            chosen = np.sort(chosen[np.argsort(rank[chosen], kind="stable")][:n_genes])
        genes = genes[chosen]
    if not len(genes):
        raise InputError(
            f"the {len(seen)} sections have no gene in common that is seen in {MIN_SPOTS:.0%} of the spots "
            f"of half of them; are they of one species and named alike?"
        )
    others = [names[_OTHER[by]] for names, _ in seen]
    return by, genes, _called([names[by] for names, _ in seen], others, genes)


def _called(own: Sequence[np.ndarray], other: Sequence[np.ndarray], genes: np.ndarray) -> np.ndarray:
    """The other name of each gene (G,): the first in alphabetical order over the sections, else empty."""
    found: dict[str, str] = {}
    for names, others in zip(own, other, strict=True):
        for name, called in zip(names.tolist(), others.tolist(), strict=True):
            if called and called != name and called < found.get(name, "\U0010ffff"):
                found[name] = called
    return np.array([found.get(gene, "") for gene in genes.tolist()], dtype=str)


def _seen(section: StoredSlice) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Names of the genes of a section, told either way, and which of them are seen often enough (G,)."""
    names = {by: _names(section, by) for by in ("gene_ids", "genes")}
    return names, detected_genes(section.counts, MIN_SPOTS, PANEL_GENES)


def _variable(section: StoredSlice, columns: np.ndarray) -> np.ndarray:
    """Rank of the genes in these columns by how variable they are in the section, 0 for the most: (G,)."""
    detected = detected_genes(section.counts, MIN_SPOTS, PANEL_GENES)
    score = np.full(len(detected), -np.inf)
    if detected.any():
        score[detected] = hvg_scores(section.counts[:, np.flatnonzero(detected)])
    return _ranks(score[columns])


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Rank of each score, 0 for the largest; equal scores keep their order."""
    rank = np.empty(len(scores))
    rank[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return rank


def _picker(genes: np.ndarray, by: str, read: Reader) -> Callable[[], sparse.csr_matrix]:
    """Reads the counts of the chosen genes of one section: CSR (N, G)."""

    def pick() -> sparse.csr_matrix:
        section = read()
        column = {gene: index for index, gene in enumerate(_names(section, by))}
        return section.counts[:, [column[gene] for gene in genes]]

    return pick


def _gram(values: sparse.csr_matrix) -> np.ndarray:
    """X^T X (G, G) float64 of CSR X, a block of spots at a time."""
    total = np.zeros((values.shape[1], values.shape[1]))
    for start in range(0, values.shape[0], _BLOCK):
        dense = values[start : start + _BLOCK].toarray()
        total += dense.T @ dense
    return total
