"""Marker genes of each domain: what is higher there than elsewhere, by effect. K domains, G genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.characterise.count_split import SplitTest, split_test
from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.characterise.ranks import RankSums, rank_sums
from tissuegraph.characterise.subject import Subject
from tissuegraph.clustering.labels import membership
from tissuegraph.slices.preprocess import log_normalised

LEAST_SPOTS = 10  # of a domain, and with a count of a gene: fewer are not tested
MOST_MARKERS = 200  # listed per domain
COLUMNS = (
    "domain",
    "gene",
    "rank",
    "auc",
    "log2_fold_change",
    "share_inside",
    "share_outside",
    "p_adjusted",
    "p_adjusted_split",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Markers:
    """table: of COLUMNS, and `symbol` where a slice names genes in two ways; ranked: what it was made from;
    split: None where it could not be tested; tested: (K,) bool, domains of enough spots; genes: (G,) bool.
    """

    table: pd.DataFrame
    ranked: RankSums
    split: SplitTest | None
    tested: np.ndarray
    genes: np.ndarray


def find_markers(subject: Subject, um_per_px: float | None = None, seed: int = 0) -> Markers:
    """Rank the genes of every domain; p of inferred expression mean nothing and are left empty.

    Genes of a domain are ordered by AUC, then by fold change. A gene seen in a share s of a domain's spots
    has an AUC of at most (1 + s) / 2, so one that few spots have does not come before one that marks the
    domain as a whole, however large its fold change is.
    """
    n_domains = len(subject.names)
    ranked = rank_sums(log_normalised(subject.counts), subject.codes, n_domains)
    tested = (subject.sizes >= LEAST_SPOTS) & (ranked.n_spots - subject.sizes >= LEAST_SPOTS)
    genes = ranked.seen.sum(axis=0) >= LEAST_SPOTS
    split = None
    if tested.any() and genes.any() and not subject.inferred and is_counted(subject.counts):
        split = split_test(
            subject.counts, subject.xy, subject.graph, subject.codes, n_domains, um_per_px, seed
        )
    return Markers(
        table=_table(subject, ranked, split, tested, genes),
        ranked=ranked,
        split=split,
        tested=tested,
        genes=genes,
    )


def is_counted(counts: sparse.csr_matrix) -> bool:
    """Whether all are whole numbers: what is no count cannot be split."""
    return bool((counts.data == np.rint(counts.data)).all())


def domain_means(subject: Subject) -> pd.DataFrame:
    """Mean raw counts per spot of each gene (rows) in each domain (columns); the first column is `gene`.

    A region of that name has the column `gene (region)`.
    """
    member = membership(subject.codes, len(subject.names))
    means = (member @ subject.counts).toarray() / np.maximum(subject.sizes, 1)[:, None]
    table = pd.DataFrame(means.T, columns=list(subject.names)).rename(
        columns={"gene": f"gene ({subject.by})"}
    )
    table.insert(0, "gene", subject.genes)
    return table


def _table(
    subject: Subject, ranked: RankSums, split: SplitTest | None, tested: np.ndarray, genes: np.ndarray
) -> pd.DataFrame:
    inside, outside = ranked.shares()
    changes, p = ranked.log2_fold_changes(), ranked.p_values
    parts = []
    for k in np.flatnonzero(tested):
        own = np.flatnonzero(genes & (ranked.auc[k] > 0.5))
        order = np.lexsort((own, -changes[k, own], -ranked.auc[k, own]))[:MOST_MARKERS]
        chosen = own[order]
        parts.append(
            pd.DataFrame(
                {
                    "domain": subject.names[k],
                    "gene": subject.genes[chosen],
                    "rank": np.arange(1, len(chosen) + 1),
                    "auc": ranked.auc[k, chosen],
                    "log2_fold_change": changes[k, chosen],
                    "share_inside": inside[k, chosen],
                    "share_outside": outside[k, chosen],
                    "p_adjusted": np.nan if subject.inferred else _over_genes(p[k], genes)[chosen],
                    "p_adjusted_split": _split_p(split, k)[chosen] if split is not None else np.nan,
                    "symbol": subject.symbols[chosen],
                }
            )
        )
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*COLUMNS, "symbol"])
    two_names = bool((subject.symbols != subject.genes).any())
    return table if two_names else table.drop(columns="symbol")


def _over_genes(p: np.ndarray, genes: np.ndarray) -> np.ndarray:
    return benjamini_hochberg(np.where(genes, p, np.nan))


def _split_p(split: SplitTest, k: int) -> np.ndarray:
    """(G,) adjusted over the genes that the tested half has, NaN for a domain without counterpart."""
    if not split.has_counterpart[k]:
        return np.full(split.tests.z.shape[1], np.nan)
    return _over_genes(split.tests.p_values[k], split.tests.seen.sum(axis=0) >= LEAST_SPOTS)
