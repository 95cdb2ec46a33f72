"""What stMFG expects each spot to count, and whether that says more than an average over the neighbours.

For the comparison a part of the counts is set aside, features and feature graph are made anew from the rest,
and a network is trained on it that never saw the part. N spots, G genes of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.characterise.held_out import deviance, pearson, thinned
from tissuegraph.characterise.subject import Subject
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import feature_graph
from tissuegraph.slices.preprocess import prepare_selected, total_counts

if TYPE_CHECKING:
    from tissuegraph.stmfg.settings import Settings

KEPT = 0.8  # share of the counts that the network of the comparison sees
LEAST_HELD = 50  # held-out counts of a gene from which it is compared
PREDICTORS = ("network", "smoothing", "counts")
LEAST_GAIN = 0.01  # differences of mean correlations below this are none, whatever their spread
_ENTRIES = 4_000_000  # spots x genes at a time
_SMALLEST = 1e-3  # counts expected of a spot that are not worth an entry

Expected = Callable[[], Iterator[tuple[slice, np.ndarray]]]


def check_fit(subject: Subject, arrays: SliceArrays, settings: Settings) -> np.ndarray:
    """Columns (G,) of the slice that hold the genes of the model.

    Raises InputError where the arrays are of another slice, SettingsError where the decoder does not
    reconstruct counts.
    """
    if settings.losses.target != "counts":
        raise SettingsError(
            f"denoising needs losses.target: counts, got {settings.losses.target}; set losses.target: counts"
        )
    place = {name: k for k, name in enumerate(subject.genes.tolist())}
    missing = [name for name in arrays.genes.tolist() if name not in place]
    if missing or arrays.n_spots != len(subject.barcodes):
        raise InputError(
            f"the arrays have {arrays.n_spots} spots and {len(missing)} genes that the h5ad with "
            f"{len(subject.barcodes)} spots lacks; expected the arrays of this slice"
        )
    columns = np.array([place[name] for name in arrays.genes.tolist()])
    same = (subject.counts[:, columns] != arrays.counts).nnz == 0
    if not (same and np.allclose(arrays.position, subject.xy)):
        raise InputError("the arrays and the h5ad differ in counts or positions; expected those of one slice")
    return columns


def train_expected(
    arrays: SliceArrays,
    settings: Settings,
    *,
    seed: int,
    device: str,
    image: np.ndarray | None,
    note: Callable,
) -> Expected:
    """Train one network, fit its decoder to all genes; the result gives genes and expected counts (N, g).

    note: called with each warning of the training.
    """
    from tissuegraph.stmfg.expected import expected_counts, fitted_decoder
    from tissuegraph.stmfg.training import train_seeds

    found = {}

    def keep(model, problem, encoding) -> None:
        decoder = fitted_decoder(model, problem, encoding.z, seed)
        found["expected"] = (decoder, encoding.z, problem.log_factor)

    results = train_seeds(arrays, settings, seeds=[seed], device=device, image=image, trained=keep)
    for line in results[0].warnings:
        note(line)
    return lambda: expected_counts(*found["expected"])


def compared(
    subject: Subject,
    arrays: SliceArrays,
    columns: np.ndarray,
    settings: Settings,
    *,
    seeds: range,
    device: str,
    image: np.ndarray | None = None,
    note: Callable = lambda _line: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How well held-out counts are told, by gene (mean over the seeds) and by seed (mean over genes).

    Each seed sets aside other counts and trains another network. Beside it: the counts that were kept, and
    their average over each spot and its neighbours in the spatial graph. Genes with fewer than 50 held-out
    counts in any seed, or of which a predictor says the same of all spots, are left out of the means over
    genes, and have no figures.
    """
    tables = []
    for seed in seeds:
        kept, held = thinned(subject.counts, KEPT, np.random.default_rng([seed, 2]))
        again = _without(arrays, kept, columns, settings)
        expected = train_expected(again, settings, seed=seed, device=device, image=image, note=note)
        tables.append(_judged(again, held, columns, expected))
    names = [name for name in tables[0] if name != "held_out_counts"]
    enough = np.min([table["held_out_counts"] for table in tables], axis=0) >= LEAST_HELD
    for table in tables:  # means of other genes for one predictor than for another would be no comparison
        enough &= np.isfinite([table[name] for name in names]).all(axis=0)
    frame = pd.DataFrame({"gene": subject.genes[columns]})
    for name in tables[0]:
        frame[name] = np.mean([table[name] for table in tables], axis=0)
    frame.loc[~enough, names] = np.nan
    if not enough.any():
        return frame, pd.DataFrame()
    means = [{name: np.nanmean(table[name][enough]) for name in names} for table in tables]
    return frame, pd.DataFrame(means)


def _without(
    arrays: SliceArrays, kept: sparse.csr_matrix, columns: np.ndarray, settings: Settings
) -> SliceArrays:
    """The arrays as they would be of the counts that were kept; the genes stay those of the model."""
    prepared = prepare_selected(kept, columns, settings.preprocess)
    rule = settings.feature_graph
    graph = feature_graph(prepared.features, rule.k, rule.metric).adjacency
    return replace(
        arrays, counts=kept[:, columns], features=prepared.features, depth=prepared.depth, feature=graph
    )


def _judged(
    again: SliceArrays, held: sparse.csr_matrix, columns: np.ndarray, expected: Expected
) -> dict[str, np.ndarray]:
    """Pearson and deviance (G,) of each predictor."""
    depth, held_depth = again.depth.astype(float), total_counts(held).astype(float)
    held, counts = sparse.csc_matrix(held[:, columns]), sparse.csc_matrix(again.counts)
    average = neighbours_and_itself(again.spatial)
    pooled = np.maximum(average @ depth, 1e-12)
    own = np.maximum(depth, 1.0)
    found = {
        f"{score}_{name}": np.empty(len(columns)) for score in ("pearson", "deviance") for name in PREDICTORS
    }
    for genes, values in _narrow(expected()):
        seen, wanted = counts[:, genes].toarray().astype(float), held[:, genes].toarray().astype(float)
        rates = {
            "network": values / own[:, None],
            "smoothing": (average @ seen) / pooled[:, None],
            "counts": seen / own[:, None],
        }
        for name, rate in rates.items():
            found[f"pearson_{name}"][genes] = pearson(rate, wanted, held_depth)
            found[f"deviance_{name}"][genes] = deviance(rate, wanted, held_depth)
    return {**found, "held_out_counts": np.asarray(held.sum(axis=0)).ravel()}


def _narrow(chunks: Iterator[tuple[slice, np.ndarray]]) -> Iterator[tuple[slice, np.ndarray]]:
    """The same a few genes at a time: the comparison holds some arrays of that size."""
    for genes, values in chunks:
        step = max(1, _ENTRIES // (8 * len(values)))
        for start in range(0, values.shape[1], step):
            part = values[:, start : start + step]
            yield slice(genes.start + start, genes.start + start + part.shape[1]), part


def neighbours_and_itself(graph: sparse.csr_matrix) -> sparse.csr_matrix:
    """Sums over each spot and its neighbours: (N, N)."""
    plain = sparse.csr_matrix(graph, dtype=np.float64)
    return sparse.csr_matrix(plain + sparse.eye_array(plain.shape[0], format="csr"))


def layer_of(expected: Expected, n_spots: int, columns: np.ndarray, n_genes: int) -> sparse.csr_matrix:
    """Expected counts as (N, G of the slice) CSR float32; entries below a thousandth of a count are left out.

    columns: of the genes of the model. Held once as rows of the model's genes, and once as the result.
    """
    order = np.argsort(columns)
    dense = np.empty((n_spots, len(columns)), dtype=np.float32)
    place = np.empty(len(columns), dtype=int)
    place[order] = np.arange(len(columns))
    for genes, values in expected():
        dense[:, place[genes]] = values
    present = dense >= _SMALLEST
    pointer = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    indices = np.empty(pointer[-1], dtype=np.int32)
    ascending = columns[order].astype(np.int32)
    for spot in range(n_spots):
        indices[pointer[spot] : pointer[spot + 1]] = ascending[present[spot]]
    return sparse.csr_matrix((dense[present], indices, pointer), shape=(n_spots, n_genes))


def verdict(by_seed: pd.DataFrame) -> tuple[str, str]:
    """`better`, `as good` or `worse`, the network against plain smoothing, and the sentence that says so.

    It also says where the counts that were kept tell more than either.
    """
    if not len(by_seed):
        return "unknown", (
            f"No gene has {LEAST_HELD} held-out counts and expectations that vary: whether the network tells "
            "more than smoothing is not known."
        )
    difference = by_seed["pearson_network"] - by_seed["pearson_smoothing"]
    gain = float(difference.mean())
    spread = _spread(difference)
    word = "as good" if abs(gain) <= max(spread, LEAST_GAIN) else "better" if gain > 0 else "worse"
    means = {name: float(by_seed[f"pearson_{name}"].mean()) for name in PREDICTORS}
    told = {
        "better": "the network tells held-out counts better than smoothing does",
        "as good": "plain smoothing over the neighbours is as good as the network",
        "worse": "plain smoothing over the neighbours is better than the network",
    }[word]
    behind = by_seed["pearson_counts"] - by_seed[["pearson_network", "pearson_smoothing"]].max(axis=1)
    if behind.mean() > max(_spread(behind), LEAST_GAIN):
        told += ", but the counts as they are tell them better than both"
    spread_told = f" ± {spread:.3f} over {len(difference)} divisions" if len(difference) > 1 else ""
    return word, (
        f"Correlation with held-out counts, mean over genes: network {means['network']:.3f}, smoothing "
        f"{means['smoothing']:.3f}, the counts themselves {means['counts']:.3f} (network less smoothing "
        f"{gain:+.3f}{spread_told}): {told}."
    )


def _spread(values: pd.Series) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def shown_genes(frame: pd.DataFrame, most: int = 2) -> Sequence[int]:
    """Rows of the genes to draw: those whose held-out counts are told best."""
    best = frame[[f"pearson_{name}" for name in PREDICTORS[:2]]].max(axis=1)
    return best.sort_values(ascending=False, kind="stable").dropna().head(most).index.tolist()
