"""Gene sets among the markers of each domain, beside what shuffled markers find. G genes, S sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.characterise.false_findings import ALPHA, benjamini_hochberg
from tissuegraph.characterise.markers import LEAST_SPOTS
from tissuegraph.characterise.subject import Subject, read_subject
from tissuegraph.characterise.tables import read_csv, write_csv
from tissuegraph.io.gene_names import without_version
from tissuegraph.io.gene_sets import read_gene_sets
from tissuegraph.io.text import listed
from tissuegraph.records import Record

LEAST_GENES = 3  # measured genes of a set that is tested
N_SHUFFLES = 1000
N_BINS = 20  # of genes by the number of spots that have them
SHOWN = 10  # sets of each domain in the report
COLUMNS = (
    "domain",
    "gene_set",
    "n_genes",
    "n_overlap",
    "overlap",
    "odds_ratio",
    "p_value",
    "p_adjusted",
    "null_overlap_mean",
    "p_shuffled",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """names: (S,) sets with enough measured genes; member: (G, S) CSR of 0 and 1; unmeasured: names of sets
    without a measured gene; small: those with too few; n_other_case: genes of the sets that are measured
    only under a name in other case, which are not matched.
    """

    names: tuple[str, ...]
    member: sparse.csr_matrix
    unmeasured: tuple[str, ...]
    small: tuple[str, ...]
    n_other_case: int


def match_sets(
    sets: Mapping[str, Sequence[str]], genes: np.ndarray, gene_ids: np.ndarray, symbols: np.ndarray
) -> Matched:
    """Find the genes of sets among those of a background, by name, identifier or symbol, as written.

    genes, gene_ids, symbols: (G,) str; the version of an Ensembl identifier does not count.
    """
    place: dict[str, set[int]] = {}
    for column in (genes, gene_ids, symbols):
        for gene, name in enumerate(map(str, column)):
            place.setdefault(name, set()).add(gene)
            place.setdefault(without_version(name), set()).add(gene)
    folded = {name.casefold() for name in place}
    other_case: set[str] = set()
    names, rows, unmeasured, small = [], [], [], []
    for title, wanted in sets.items():
        own: set[int] = set()
        for name in wanted:
            known = place.get(name) or place.get(without_version(name))
            if known:
                own |= known
            elif name.casefold() in folded:
                other_case.add(name)
        if len(own) >= LEAST_GENES:
            names.append(title)
            rows.append(sorted(own))
        else:
            (small if own else unmeasured).append(title)
    columns = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    found = np.concatenate(rows).astype(int) if rows else np.zeros(0, dtype=int)
    member = sparse.csr_matrix((np.ones(len(found)), (found, columns)), shape=(len(genes), len(rows)))
    return Matched(
        names=tuple(names),
        member=member,
        unmeasured=tuple(unmeasured),
        small=tuple(small),
        n_other_case=len(other_case),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Enriched:
    """Sets among one list of markers, (S,) each; found_by_chance: share of shuffled lists that find any."""

    overlap: np.ndarray
    odds_ratio: np.ndarray
    p: np.ndarray
    p_adjusted: np.ndarray
    null_mean: np.ndarray
    p_shuffled: np.ndarray
    found_by_chance: float


def enrich(
    markers: np.ndarray, member: sparse.csr_matrix, bins: np.ndarray, rng: np.random.Generator
) -> Enriched:
    """Over-representation by the hypergeometric distribution, and by shuffling which genes are markers.

    markers: (G,) bool; member: (G, S); bins: (G,) int, within which markers are shuffled: genes that are
    seen in as many spots, as these are likelier to be found as markers and to be in a set.
    """
    from scipy.stats import false_discovery_control

    n_genes, n_markers = len(markers), int(markers.sum())
    sizes = np.asarray(member.sum(axis=0)).ravel().astype(int)
    overlap = np.asarray(member.T @ markers.astype(float)).ravel().astype(int)
    tails = _Tails(n_genes, n_markers, sizes)
    p = tails(overlap[None, :])[0]
    null = (_shuffled(markers, bins, rng) @ member).toarray().astype(int)  # (N_SHUFFLES, S)
    by_chance = false_discovery_control(tails(null), axis=1).min(axis=1) < ALPHA
    inside, outside = overlap + 0.5, n_markers - overlap + 0.5
    others, rest = sizes - overlap + 0.5, n_genes - n_markers - sizes + overlap + 0.5
    return Enriched(
        overlap=overlap,
        odds_ratio=inside * rest / (outside * others),
        p=p,
        p_adjusted=benjamini_hochberg(p),
        null_mean=null.mean(axis=0),
        p_shuffled=(1 + (null >= overlap).sum(axis=0)) / (1 + N_SHUFFLES),
        found_by_chance=float(by_chance.mean()),
    )


class _Tails:
    """P(overlap >= k) of S sets of given sizes, each size and k computed once."""

    def __init__(self, n_genes: int, n_markers: int, sizes: np.ndarray):
        from scipy.stats import hypergeom

        distinct, self._row = np.unique(sizes, return_inverse=True)
        k = np.arange(n_markers + 1)
        self._table = hypergeom.sf(k[None, :] - 1, n_genes, distinct[:, None], n_markers)

    def __call__(self, overlap: np.ndarray) -> np.ndarray:
        """overlap: (M, S) int; p of the same shape."""
        return np.clip(self._table[self._row[None, :], overlap], 0.0, 1.0)


def detection_bins(seen: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """(G,) number of the bin of each gene, of nearly equal sizes, by spots that have it."""
    rank = np.empty(len(seen), dtype=np.int64)
    rank[np.argsort(seen, kind="stable")] = np.arange(len(seen))
    return rank * n_bins // max(len(seen), 1)


def _shuffled(markers: np.ndarray, bins: np.ndarray, rng: np.random.Generator) -> sparse.csr_matrix:
    """(N_SHUFFLES, G) of 0 and 1: in every bin as many genes as are markers, at random."""
    columns = []
    for number in np.unique(bins[markers]):
        genes = np.flatnonzero(bins == number)
        wanted = int(markers[genes].sum())
        chosen = np.argpartition(rng.random((N_SHUFFLES, len(genes))), wanted - 1, axis=1)[:, :wanted]
        columns.append(genes[chosen])
    drawn = np.concatenate(columns, axis=1)
    rows = np.repeat(np.arange(N_SHUFFLES), drawn.shape[1])
    return sparse.csr_matrix((np.ones(drawn.size), (rows, drawn.ravel())), shape=(N_SHUFFLES, len(markers)))


def marker_lists(table: pd.DataFrame) -> dict[str, list[str]]:
    """Genes of each domain that count as its markers, of a table of markers.

    p_adjusted_split below ALPHA where it is known, else p_adjusted; where neither is known, all listed.
    """
    lists = {}
    for domain, own in table.groupby("domain", sort=False):
        known = next((name for name in ("p_adjusted_split", "p_adjusted") if own[name].notna().any()), None)
        lists[str(domain)] = list((own[own[known] < ALPHA] if known else own)["gene"].astype(str))
    return lists


def write_enrichment(
    record: Record, h5ad: Path, markers: Path, gene_sets: Path, outdir: Path, seed: int
) -> None:
    """Write SAMPLE.enrichment.csv from the table of markers; fill the record."""
    subject, sets = read_subject(h5ad), read_gene_sets(gene_sets)
    table = read_csv(markers)
    counts = subject.counts[subject.codes >= 0]  # as the markers: of the spots that are in a domain
    seen = np.bincount(counts.indices[counts.data > 0], minlength=len(subject.genes))
    background = np.flatnonzero(seen >= LEAST_SPOTS)
    matched = match_sets(
        sets, subject.genes[background], subject.gene_ids[background], subject.symbols[background]
    )
    _note(record, matched)
    lists = marker_lists(table)
    parts, domains = [], []
    for k, domain in enumerate(subject.names):
        own = np.isin(subject.genes[background], lists.get(domain, []))
        if not own.any() or not matched.names:
            domains.append({"domain": domain, "n_markers": int(own.sum()), "top": []})
            continue
        rng = np.random.default_rng([seed, k])
        result = enrich(own, matched.member, detection_bins(seen[background]), rng)
        rows = _rows(domain, result, matched, subject, background, own)
        if subject.inferred:
            rows[["p_value", "p_adjusted", "p_shuffled"]] = np.nan
        parts.append(rows)
        domains.append(
            {
                "domain": domain,
                "n_markers": int(own.sum()),
                "n_found": None if subject.inferred else int((rows["p_adjusted"] < ALPHA).sum()),
                "found_by_chance": None if subject.inferred else result.found_by_chance,
                "top": rows.head(SHOWN).drop(columns="domain").to_dict("records"),
            }
        )
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    write_csv(found, outdir / f"{record.sample}.enrichment.csv")
    record.metrics |= {
        "by": subject.by,
        "n_sets": len(matched.names),
        "n_background": len(background),
        "domains": domains,
    }


def _rows(
    domain: str, result: Enriched, matched: Matched, subject: Subject, background: np.ndarray, own: np.ndarray
) -> pd.DataFrame:
    """Sets that share a gene with the markers, by p, then by odds ratio."""
    member = matched.member.tocsc()
    called = subject.symbols[background]
    shared = np.flatnonzero(result.overlap > 0)
    order = shared[np.lexsort((-result.odds_ratio[shared], result.p[shared]))]

    def overlap(k: int) -> str:
        genes = member.indices[member.indptr[k] : member.indptr[k + 1]]
        return ";".join(called[np.sort(genes[own[genes]])])

    return pd.DataFrame(
        {
            "domain": domain,
            "gene_set": [matched.names[k] for k in order],
            "n_genes": np.diff(member.indptr)[order],
            "n_overlap": result.overlap[order],
            "overlap": [overlap(k) for k in order],
            "odds_ratio": result.odds_ratio[order],
            "p_value": result.p[order],
            "p_adjusted": result.p_adjusted[order],
            "null_overlap_mean": result.null_mean[order],
            "p_shuffled": result.p_shuffled[order],
        },
        columns=list(COLUMNS),
    )


def _note(record: Record, matched: Matched) -> None:
    if matched.unmeasured:
        record.note(
            f"{len(matched.unmeasured)} gene sets have no measured gene: {listed(matched.unmeasured, 5)}"
        )
    if matched.small:
        record.note(
            f"{len(matched.small)} gene sets have fewer than {LEAST_GENES} measured genes and are not "
            f"tested: {listed(matched.small, 5)}"
        )
    if matched.n_other_case:
        record.note(
            f"{matched.n_other_case} genes of the sets differ from those of the slice only in upper and "
            "lower case, as of another species, and are not matched"
        )
