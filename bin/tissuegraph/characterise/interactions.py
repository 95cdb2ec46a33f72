"""Ligands and receptors that lie side by side where two domains meet, beyond what the domains have anyway.

For a pair and two domains a and b that touch: the mean, over the edges of the spatial graph from a spot of a
to one of b, of sqrt(ligand at a's spot x receptor at b's), both log-normalised. What it is held against:
the ligand moved along its own domain, and the receptor along its own (`shifts`). A pair counts as far as it
exceeds both, so that a gene that gathers at a border does not make a pair with every gene next door. That the
means of two domains are high is no finding here. Nor is a finding an interaction: spots of a border hold
cells of both sides, and what two genes share may be a cell type.

Pairs are ranked by the geometric mean of two ranks, by score and by specificity, as LIANA pools what
methods say of magnitude and specificity (Dimitrov et al. 2022, doi:10.1038/s41467-022-30755-0). The effect
over the moves and its p stand beside: p is small only where a pattern has many parts, for that one patch of
each gene meets the other is a single coincidence, however many spots it has.

Notation: N spots, K domains, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.characterise.genes import gene_places, place_of, places_of
from tissuegraph.characterise.shifts import Moved, curves, moved
from tissuegraph.characterise.subject import Subject
from tissuegraph.clustering.labels import membership
from tissuegraph.io.ligand_receptor import Pair, parts_of
from tissuegraph.slices.preprocess import log1p, normalise, total_counts

LEAST_SPOTS = 10  # of a domain
LEAST_EDGES = 10  # between two domains that touch
LEAST_EXPRESSING = 10  # spots of the sender with the ligand, and of the receiver with the receptor
_ENTRIES = 4_000_000  # spots x pairs that are worked on at a time: 32 MB an array


@dataclass(frozen=True, eq=False)
class Matched:
    """Pairs of a table that a slice measures: pairs (P,); ligands, receptors: P times the columns of
    their genes; missing: how many pairs have a gene that the slice does not measure.
    """

    pairs: tuple[Pair, ...]
    ligands: tuple[tuple[int, ...], ...]
    receptors: tuple[tuple[int, ...], ...]
    missing: int


def matched_pairs(subject: Subject, pairs: Sequence[Pair]) -> Matched:
    """Pairs by any name of their genes. A gene's name may have an underscore and is no complex then.

    Pairs of the same genes under other names, or in another order, are one, called as the first of them is.
    """
    places = gene_places(subject)
    found: dict[tuple[frozenset[int], frozenset[int]], Pair] = {}
    ligands, receptors, missing = [], [], 0
    for pair in pairs:
        ligand, receptor = (_columns(name, places) for name in (pair.ligand, pair.receptor))
        if ligand is None or receptor is None:
            missing += 1
        elif (same := (frozenset(ligand), frozenset(receptor))) not in found:
            found[same] = pair
            ligands.append(ligand)
            receptors.append(receptor)
    return Matched(tuple(found.values()), tuple(ligands), tuple(receptors), missing)


def _columns(name: str, places: dict[str, int]) -> tuple[int, ...] | None:
    whole = place_of(name, places)
    if whole is not None:
        return (whole,)
    found = places_of(parts_of(name), places)
    return None if found is None else tuple(found)


def borders(subject: Subject) -> list[tuple[int, int, int]]:
    """(sender, receiver, edges between them) of all domains that touch, in both directions.

    Domains with fewer than ten spots, and borders of fewer than ten edges, are left out. Within one domain
    nothing is asked: both genes follow the same gradients there, and even pairs drawn at random from real
    tissue fell below p = .05 in 12 of 100 cases (between domains in 2).
    """
    member = membership(subject.codes, len(subject.names))
    edges = (member @ _pattern(subject.graph) @ member.T).toarray()
    np.fill_diagonal(edges, 0)
    large = subject.sizes >= LEAST_SPOTS
    usable = (edges >= LEAST_EDGES) & large[:, None] & large[None, :]
    return [(int(a), int(b), int(edges[a, b])) for a, b in zip(*np.nonzero(usable), strict=True)]


def interactions(
    subject: Subject, matched: Matched, *, n_permutations: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """All pairs on all borders where both are expressed, by rank; see `COLUMNS`.

    effect: standard deviations above the moved genes, of the two the lower; p_value likewise the higher;
    p_adjusted: Benjamini-Hochberg over the slice; specificity: log2 of the score over what the two genes'
    means over the whole tissue give. Of inferred expression p is left empty. The same seed gives the same
    table.
    """
    touching = borders(subject)
    members = [np.flatnonzero(subject.codes == k) for k in range(len(subject.names))]
    rng = np.random.default_rng(seed)
    orders = [
        curves(subject.xy[own], n_permutations, rng) if len(own) >= LEAST_SPOTS else None for own in members
    ]
    graph = _pattern(subject.graph)
    blocks = {(a, b): graph[members[a]][:, members[b]] for a, b, _ in touching}
    found = [
        _on_border(subject, matched, chunk, values, blocks[a, b], (a, b, n_edges), members, orders)
        for chunk, values in _expressed(subject, matched)
        for a, b, n_edges in touching
    ]
    found = [frame for frame in found if len(frame)]
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))
    return _ranked(frame, subject.inferred)


COLUMNS = (
    "sender", "receiver", "ligand", "receptor", "n_edges", "score", "expected", "ligand_mean",
    "receptor_mean", "specificity", "effect", "p_value", "p_adjusted", "rank",
)  # fmt: skip


def _ranked(frame: pd.DataFrame, inferred: bool) -> pd.DataFrame:
    # Ranks of both, so that neither a gene that is high everywhere nor one that is hardly seen leads for that
    ranks = frame[["score", "specificity"]].rank(ascending=False)
    order = np.lexsort([-frame["effect"], (ranks["score"] * ranks["specificity"])])
    frame = frame.iloc[order].reset_index(drop=True)
    frame["rank"] = np.arange(1, len(frame) + 1)
    frame["p_adjusted"] = benjamini_hochberg(frame["p_value"].to_numpy(float))
    if inferred:
        frame[["p_value", "p_adjusted"]] = np.nan
    return frame[list(COLUMNS)]


def _pattern(graph: sparse.csr_matrix) -> sparse.csr_matrix:
    """The graph with 1 on each edge and nothing on the diagonal."""
    plain = sparse.csr_matrix(graph, dtype=np.float64, copy=True)
    plain.setdiag(0)
    plain.eliminate_zeros()
    plain.data[:] = 1
    return plain


def _expressed(subject: Subject, matched: Matched) -> Iterator[tuple[slice, tuple[np.ndarray, np.ndarray]]]:
    """Log-normalised ligands and receptors, both (N, P of a chunk); a complex is the least of its genes."""
    used = sorted({gene for genes in (*matched.ligands, *matched.receptors) for gene in genes})
    if not used:
        return
    depth = total_counts(subject.counts)
    values = sparse.csc_matrix(log1p(normalise(subject.counts[:, used], depth, 1e4)), dtype=np.float64)
    place = {gene: k for k, gene in enumerate(used)}

    def least(names: Sequence[tuple[int, ...]]) -> np.ndarray:
        dense = np.empty((values.shape[0], len(names)))
        for column, genes in enumerate(names):
            dense[:, column] = values[:, [place[gene] for gene in genes]].toarray().min(axis=1)
        return dense

    step = max(1, _ENTRIES // max(len(subject.codes), 1))
    for start in range(0, len(matched.pairs), step):
        chunk = slice(start, start + step)
        yield chunk, (least(matched.ligands[chunk]), least(matched.receptors[chunk]))


def _on_border(
    subject: Subject,
    matched: Matched,
    chunk: slice,
    values: tuple[np.ndarray, np.ndarray],
    block: sparse.csr_matrix,
    border: tuple[int, int, int],
    members: Sequence[np.ndarray],
    orders: Sequence[np.ndarray | None],
) -> pd.DataFrame:
    """The pairs of a chunk from domain a to domain b. block: (spots of a, spots of b), 1 on each edge."""
    a, b, n_edges = border
    ligands, receptors = values[0][members[a]], values[1][members[b]]
    used = ((ligands > 0).sum(axis=0) >= LEAST_EXPRESSING) & ((receptors > 0).sum(axis=0) >= LEAST_EXPRESSING)
    if not used.any():
        return pd.DataFrame()
    sent, received = np.sqrt(ligands[:, used]), np.sqrt(receptors[:, used])
    by_ligand = moved(sent, block @ received, orders[a])
    by_receptor = moved(received, block.T @ sent, orders[b])
    over_tissue = np.sqrt(values[0][:, used]).mean(axis=0) * np.sqrt(values[1][:, used]).mean(axis=0)
    pairs = [pair for pair, kept in zip(matched.pairs[chunk], used, strict=True) if kept]
    score = by_ligand.observed / block.nnz
    with np.errstate(divide="ignore"):
        specificity = np.log2(score / over_tissue)
    return pd.DataFrame(
        {
            "sender": str(subject.names[a]),
            "receiver": str(subject.names[b]),
            "ligand": [pair.ligand for pair in pairs],
            "receptor": [pair.receptor for pair in pairs],
            "n_edges": n_edges,
            "score": score,
            "expected": np.maximum(by_ligand.mean, by_receptor.mean) / block.nnz,
            "ligand_mean": ligands[:, used].mean(axis=0),
            "receptor_mean": receptors[:, used].mean(axis=0),
            "specificity": np.where(np.isfinite(specificity), specificity, np.nan),
            "effect": np.minimum(_effect(by_ligand), _effect(by_receptor)),
            "p_value": np.maximum(by_ligand.p, by_receptor.p),
        }
    )


def _effect(found: Moved) -> np.ndarray:
    """Standard deviations above the mean of the moves; 0 where nothing varies."""
    varies = found.sd > 1e-9 * np.maximum(np.abs(found.mean), 1e-12)
    return np.divide(found.observed - found.mean, found.sd, out=np.zeros_like(found.sd), where=varies)
