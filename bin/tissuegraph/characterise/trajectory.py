"""How the domains of a slice follow each other: PAGA over them, and a diffusion pseudotime of the spots.

Both by scanpy (Wolf et al. 2019, doi:10.1186/s13059-019-1663-x; Haghverdi et al. 2016,
doi:10.1038/nmeth.3971) on the embedding of the final method. The neighbours come from the search that the
feature graphs use, since scanpy's own compiles for a minute; their weights are scanpy's `gauss`. All is near
linear in spots. Notation: N spots, K domains, D channels of the embedding.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.characterise.roots import Root, end_of_tree, middle_spot
from tissuegraph.errors import InputError
from tissuegraph.io.stored import open_own
from tissuegraph.slices.neighbours import nearest_in_features

N_NEIGHBOURS = 15
N_COMPONENTS = 15  # of the diffusion map
LEAST_SPOTS = 30  # fewer have no order worth telling
SHARE = 0.8  # of the spots in each repeat
MOST_REPEATED = 20_000  # spots of a repeat at most: five of a slice of 500,000 would cost what all else does


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """pseudotime: (N,) float32 from 0 at the root to 1, NaN where the root does not reach; connectivities:
    (K, K) of PAGA; root: the spot; domain: its domain.
    """

    pseudotime: np.ndarray
    connectivities: np.ndarray
    root: int
    domain: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeats:
    """What the same procedure gives on random shares of the spots, from the domain of the answer: spearman
    (R,) with it over the spots of each, medians (R, K) of the pseudotime; roots (R,) the domain that the rule
    would have started from, where none was asked for.
    """

    spearman: np.ndarray
    medians: np.ndarray
    roots: np.ndarray


def read_embedding(path: Path) -> tuple[str, np.ndarray]:
    """Name in obsm and values (N, D) float32 of the embedding behind the final domains.

    That of the final method; of a joint answer the group's components or the method behind it; else what the
    slice has. Raises InputError where it has none.
    """
    with open_own(path) as file:
        own = file["uns"].get(keys.TISSUEGRAPH, {})
        final = own["final_method"].asstr()[()] if "final_method" in own else ""
        wanted = [keys.embedding(final.removeprefix("joint_")), keys.COHORT]
        wanted += map(keys.embedding, ("stmfg", "multist", "baseline"))
        name = next((name for name in wanted if name in file["obsm"]), None)
        if name is None:
            raise InputError("the h5ad holds no embedding in obsm; expected that of an assembled slice")
        return name, np.asarray(file["obsm"][name][()], dtype=np.float32)


def ordered(embedding: np.ndarray, codes: np.ndarray, root: Root, n_domains: int, seed: int = 0) -> Order:
    """Order the spots from the root. embedding: (N, D); codes: (N,) int from 0, -1 for spots of no domain.

    root: a domain, whose middle spot it is, or the rule of `roots.end_of_tree`.
    """
    data = _with_neighbours(embedding, seed)
    connectivities = _paga(data, codes, n_domains)
    domain = root.domain
    if domain is None:
        domain = _by_rule(connectivities, embedding, codes)
    spot = middle_spot(embedding, np.flatnonzero(codes == domain))
    return Order(
        pseudotime=_pseudotime(data, spot, seed), connectivities=connectivities, root=spot, domain=domain
    )


def _by_rule(connectivities: np.ndarray, embedding: np.ndarray, codes: np.ndarray) -> int:
    n_domains = len(connectivities)
    sizes = np.bincount(codes[codes >= 0], minlength=n_domains)
    return end_of_tree(connectivities, _centres(embedding, codes, n_domains), sizes)


def repeated(
    order: Order, embedding: np.ndarray, codes: np.ndarray, root: Root, n_domains: int, seeds: range
) -> Repeats:
    """The whole procedure on a random share of the spots for each seed.

    All start in the domain of the answer: a repeat from the other end of the same order is no disagreement
    about the order. Which domain the rule would have chosen is told apart.
    """
    from scipy.stats import spearmanr

    agreement, medians, roots = [], [], []
    n_spots = len(embedding)
    size = min(max(int(SHARE * n_spots), 2), MOST_REPEATED)
    for seed in seeds:
        chosen = np.sort(np.random.default_rng([seed, 1]).choice(n_spots, size, replace=False))
        if not (codes[chosen] == order.domain).any():
            chosen = np.union1d(chosen, np.flatnonzero(codes == order.domain))
        part, own = embedding[chosen], codes[chosen]
        again = ordered(part, own, Root(order.domain, ""), n_domains, seed)
        both = np.isfinite(again.pseudotime) & np.isfinite(order.pseudotime[chosen])
        told = both.sum() > 2
        pair = again.pseudotime[both], order.pseudotime[chosen][both]
        agreement.append(float(spearmanr(*pair).statistic) if told else np.nan)
        medians.append(quantiles(again.pseudotime, own, n_domains)[:, 1])
        roots.append(_by_rule(again.connectivities, part, own) if root.domain is None else order.domain)
    return Repeats(
        spearman=np.array(agreement),
        medians=np.array(medians).reshape(len(agreement), n_domains),
        roots=np.array(roots, dtype=int),
    )


def quantiles(pseudotime: np.ndarray, codes: np.ndarray, n_domains: int) -> np.ndarray:
    """(K, 3) first quartile, median and third quartile of each domain; NaN where none of it is reached."""
    found = np.full((n_domains, 3), np.nan)
    for domain in range(n_domains):
        own = pseudotime[codes == domain]
        own = own[np.isfinite(own)]
        if len(own):
            found[domain] = np.quantile(own, [0.25, 0.5, 0.75])
    return found


def ranks(medians: np.ndarray) -> np.ndarray:
    """(..., K) rank of each domain from 1 at the root, NaN where it is not reached; ties in their order."""
    places = np.argsort(np.argsort(medians, axis=-1, kind="stable"), axis=-1) + 1.0
    return np.where(np.isnan(medians), np.nan, places)


def _centres(embedding: np.ndarray, codes: np.ndarray, n_domains: int) -> np.ndarray:
    """(K, D) median of each domain; 0 for one without a spot."""
    none = np.zeros(embedding.shape[1])
    return np.array([
        np.median(embedding[codes == k], axis=0) if (codes == k).any() else none for k in range(n_domains)
    ])  # fmt: skip


class _Nearest:
    """The own search for neighbours, as scanpy asks for one; distances never 0, which would be no edge."""

    def __init__(self, n_neighbors: int, seed: int):
        self.n_neighbors, self.seed = n_neighbors, seed

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"n_neighbors": self.n_neighbors, "metric": "euclidean"}

    def fit_transform(self, x: np.ndarray) -> sparse.csr_matrix:
        k = self.n_neighbors - 1  # scanpy counts the spot itself
        nearest = nearest_in_features(x, k, "euclidean", seed=self.seed)
        distance = np.empty(nearest.shape, dtype=np.float32)
        for column in range(k):
            distance[:, column] = np.linalg.norm(x - x[nearest[:, column]], axis=1)
        order = np.argsort(distance, axis=1, kind="stable")
        nearest, distance = (np.take_along_axis(each, order, axis=1) for each in (nearest, distance))
        positive = distance[distance > 0]
        distance = np.maximum(distance, 1e-3 * np.median(positive) if len(positive) else 1.0)
        pointers = np.arange(len(x) + 1) * k
        return sparse.csr_matrix((distance.ravel(), nearest.ravel(), pointers), shape=(len(x), len(x)))


def _with_neighbours(embedding: np.ndarray, seed: int) -> Any:
    """An AnnData of the embedding with its neighbours."""
    import anndata
    import scanpy

    data = anndata.AnnData(obsm={"X": embedding}, shape=(len(embedding), 0))
    search = _Nearest(min(N_NEIGHBOURS, len(embedding) - 1), seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scanpy.pp.neighbors(
            data, n_neighbors=search.n_neighbors, use_rep="X", method="gauss", transformer=search,
            random_state=seed,
        )  # fmt: skip
    return data


def _pseudotime(data: Any, root: int, seed: int) -> np.ndarray:
    import scanpy

    n_components = min(N_COMPONENTS, data.n_obs - 2)
    scanpy.tl.diffmap(data, n_comps=n_components, random_state=seed)
    data.uns["iroot"] = root
    scanpy.tl.dpt(data, n_dcs=min(10, n_components))
    values = data.obs["dpt_pseudotime"].to_numpy(np.float32)
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)


def _paga(data: Any, codes: np.ndarray, n_domains: int) -> np.ndarray:
    """(K, K) connectivities of the domains; spots of none are a group of their own, which is left out."""
    import pandas as pd
    import scanpy

    present = np.unique(codes)
    if len(present) < 2:
        return np.zeros((n_domains, n_domains))
    data.obs["group"] = pd.Categorical(codes, categories=present)
    scanpy.tl.paga(data, groups="group")
    found = np.zeros((n_domains, n_domains))
    kept = present >= 0
    among = data.uns["paga"]["connectivities"].toarray()[np.ix_(kept, kept)]
    found[np.ix_(present[kept], present[kept])] = np.maximum(among, among.T)
    return found
