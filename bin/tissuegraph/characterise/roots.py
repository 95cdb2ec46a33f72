"""Where a pseudotime starts: at a domain or gene that the user names, else at an end of the tree of domains.

The direction of a pseudotime is that of its root. Without one it is arbitrary: the rule below says which end
is taken, not which came first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

from tissuegraph.characterise.genes import gene_places, place_of
from tissuegraph.characterise.subject import Subject
from tissuegraph.errors import InputError
from tissuegraph.io.text import listed, plain
from tissuegraph.slices.preprocess import log_normalised

GENE = "gene:"
LEAST_SPOTS = 10  # of a domain that may be chosen; one that is named may have fewer
_NAMED = 20


@dataclass(frozen=True)
class Root:
    """domain: its place among the names, None where the rule is to choose; why: in words."""

    domain: int | None
    why: str


def asked_root(subject: Subject, asked: str | None) -> Root:
    """The domain at which the pseudotime starts; raises InputError where the slice has no such name.

    asked: a domain or region; `gene:NAME`, or a gene that no domain is called after: the domain where its
    mean log-normalised expression is highest, of those with ten spots or more; None or empty: the rule.
    """
    if not asked or not asked.strip():
        return Root(None, "")
    asked = asked.strip()
    if not asked.lower().startswith(GENE):
        for spell in (str, plain):
            for place, name in enumerate(subject.names):
                if spell(name) == spell(asked):
                    return Root(place, f"{subject.by} {name}, as asked")
    gene = asked[len(GENE) :].strip() if asked.lower().startswith(GENE) else asked
    column = place_of(gene, gene_places(subject))
    if column is None:
        names = listed([str(name) for name in subject.names], _NAMED)
        raise InputError(
            f"--root {asked!r} is neither a {subject.by} nor a gene of the slice; expected one of {names}, "
            f"or gene:NAME with one of its {len(subject.genes):,} genes (e.g. gene:{subject.symbols[0]})"
        )
    means = _mean_by_domain(subject, column)
    if not means.max(initial=0) > 0:
        raise InputError(f"--root {asked!r}: the gene has no count in any {subject.by} of the slice")
    domain = int(means.argmax())
    return Root(domain, f"{subject.by} {subject.names[domain]}, where {gene} is highest")


def _mean_by_domain(subject: Subject, gene: int) -> np.ndarray:
    """(K,) mean log-normalised expression; -1 for domains too small to be chosen."""
    values = log_normalised(subject.counts)[:, [gene]].toarray().ravel()
    inside = subject.codes >= 0
    sums = np.bincount(subject.codes[inside], values[inside], minlength=len(subject.names))
    sizes = subject.sizes
    means = sums / np.maximum(sizes, 1)
    return np.where((sizes >= LEAST_SPOTS) | (sizes.max() < LEAST_SPOTS), means, -1.0)


def end_of_tree(connectivities: np.ndarray, centres: np.ndarray, sizes: np.ndarray) -> int:
    """The rule without a root: of the two ends of the longest path through the tree, the one with more spots.

    The tree is the maximum spanning tree of the connectivities (K, K), its edges as long as the centres of
    their domains (K, D) are apart; domains with fewer than ten spots are no ends where there
    are others. Of equal ends the first by name is taken.
    """
    tree = minimum_spanning_tree(sparse.csr_matrix(_as_costs(connectivities))).tocoo()
    lengths = np.linalg.norm(centres[tree.row] - centres[tree.col], axis=1)
    lengths = np.maximum(lengths, np.finfo(float).tiny)
    graph = sparse.csr_matrix((lengths, (tree.row, tree.col)), shape=tree.shape)
    apart = shortest_path(graph, directed=False)
    usable = sizes >= LEAST_SPOTS
    if usable.sum() < 2:
        usable = sizes > 0
    apart[~np.isfinite(apart)] = -1.0
    apart[~usable] = apart[:, ~usable] = -1.0
    one, other = sorted(int(place) for place in np.unravel_index(apart.argmax(), apart.shape))
    return one if sizes[one] >= sizes[other] else other


def _as_costs(connectivities: np.ndarray) -> np.ndarray:
    """Positive costs that fall as connectivities rise; 0, no edge, where there is none."""
    return np.where(connectivities > 0, 2.0 - connectivities / max(connectivities.max(), 1e-300), 0.0)


def middle_spot(embedding: np.ndarray, members: np.ndarray) -> int:
    """The spot of a domain that is nearest the median of its embedding: (N, D); members: (M,) its spots."""
    own = embedding[members]
    return int(members[((own - np.median(own, axis=0)) ** 2).sum(axis=1).argmin()])
