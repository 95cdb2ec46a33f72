"""Genes of one domain between conditions: a negative-binomial model of counts summed per patient.

The model is that of DESeq2 (Love, Huber and Anders 2014, doi:10.1186/s13059-014-0550-8) in PyDESeq2, which is
maintained, needs no R and shares dispersions between genes, as a handful of patients cannot tell them apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from tissuegraph.cohorts.design import Pair
from tissuegraph.sheet.conditions import LEAST_PATIENTS

LEAST_SPOTS = 10  # of a patient in a domain, below which it is left out of that domain
LEAST_COUNTS = 10  # of a gene, in as many patients as the smaller condition has
LEAST_GENES = 10  # that are left, as dispersions are learned over genes
COLUMNS = ("gene", "base_mean", "log2_fold_change", "standard_error", "p_value")


@dataclass(frozen=True, kw_only=True, eq=False)
class DomainCounts:
    """One domain: counts (P, G) of the patients that have spots enough, of all genes; conditions (P,)."""

    counts: np.ndarray
    patients: tuple[str, ...]
    conditions: tuple[str, ...]
    genes: np.ndarray

    def of(self, wanted: Sequence[str]) -> DomainCounts:
        """The patients of some conditions."""
        return self.rows([i for i, condition in enumerate(self.conditions) if condition in wanted])

    def rows(self, rows: Sequence[int]) -> DomainCounts:
        """Some of the patients, by their places."""
        return DomainCounts(
            counts=self.counts[rows],
            patients=tuple(self.patients[i] for i in rows),
            conditions=tuple(self.conditions[i] for i in rows),
            genes=self.genes,
        )


def expressed(counts: np.ndarray, conditions: Sequence[str]) -> np.ndarray:
    """Genes (G,) bool with LEAST_COUNTS counts or more in as many patients as the smallest condition has.

    The rule does not look at which patients these are, so it favours no result.
    """
    smallest = min(np.unique(np.asarray(conditions), return_counts=True)[1])
    return (counts >= LEAST_COUNTS).sum(axis=0) >= smallest


def compared_genes(domain: DomainCounts, pairs: Sequence[Pair]) -> dict[tuple[str, str], pd.DataFrame]:
    """Per pair of conditions (a, b) a table of COLUMNS, one row per expressed gene.

    One model over the patients of all conditions with enough of them; one without a count of any expressed
    gene has no depth and is left out. A p-value is missing where one patient alone makes the result (Cook's
    distance) or the model of a gene did not converge.
    """
    enough = [c for c in dict.fromkeys(domain.conditions) if domain.conditions.count(c) >= LEAST_PATIENTS]
    wanted = [pair for pair in pairs if pair.a in enough and pair.b in enough]
    if not wanted:
        return {}
    part = domain.of(enough)
    kept = expressed(part.counts, part.conditions)
    if kept.sum() < LEAST_GENES:
        return {}
    counted = np.flatnonzero(part.counts[:, kept].any(axis=1))
    if len(counted) < len(part.patients):
        return compared_genes(part.rows(counted.tolist()), pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _fitted(part, kept, wanted)


def _fitted(
    part: DomainCounts, kept: np.ndarray, pairs: Sequence[Pair]
) -> dict[tuple[str, str], pd.DataFrame]:
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    # (what users called genes and conditions stays out of formulas)
    places = {condition: f"c{i}" for i, condition in enumerate(dict.fromkeys(part.conditions))}
    index = [f"p{i}" for i in range(len(part.patients))]
    counts = pd.DataFrame(part.counts[:, kept], index=index, columns=[f"g{i}" for i in range(kept.sum())])
    metadata = pd.DataFrame({"condition": [places[c] for c in part.conditions]}, index=index)
    without_zeros = (part.counts[:, kept] > 0).all(axis=0).sum()
    inference = inference_of_one_core()
    data = DeseqDataSet(
        counts=counts,
        metadata=metadata,
        design="~condition",
        inference=inference,
        size_factors_fit_type="ratio" if without_zeros >= LEAST_GENES else "poscounts",
        quiet=True,
    )
    data.deseq2()
    own, shared = (
        degrees_of_freedom(len(part.patients), len(places), variance)
        for variance in (None, float(data.uns["prior_disp_var"]))
    )
    # a gene far above the trend keeps its own dispersion and borrows nothing
    freedom = np.where(data.var["_outlier_genes"].to_numpy(bool), own, shared)
    found = {}
    for pair in pairs:
        result = DeseqStats(
            data,
            contrast=["condition", places[pair.b], places[pair.a]],
            independent_filter=False,  # genes are left out beforehand, by one rule for all domains
            inference=inference,
            quiet=True,
        )
        result.summary()
        table = result.results_df
        found[pair.a, pair.b] = pd.DataFrame(
            {
                "gene": part.genes[kept],
                "base_mean": table["baseMean"].to_numpy(),
                "log2_fold_change": table["log2FoldChange"].to_numpy(),
                "standard_error": table["lfcSE"].to_numpy(),
                "p_value": np.where(
                    table["pvalue"].isna(), np.nan, _p_values(table["stat"].to_numpy(float), freedom)
                ),
            }
        )
    return found


def inference_of_one_core() -> Any:
    """PyDESeq2's own, with the means that dispersions start from fitted to all genes at once.

    Gene by gene, as the package does it, that takes a third of the time.
    """
    from pydeseq2.default_inference import DefaultInference

    class Inference(DefaultInference):
        """Theirs, but for one step."""

        def lin_reg_mu(self, counts, size_factors, design_matrix, min_mu):
            """Means (P, G), at least min_mu, by least squares of counts at equal depth."""
            level = np.asarray(counts) / size_factors[:, None]
            fitted = design_matrix @ np.linalg.lstsq(design_matrix, level, rcond=None)[0]
            return np.maximum(size_factors[:, None] * fitted, min_mu)

    return Inference(n_cpus=1)


def _p_values(statistic: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Two-sided p of Wald's statistic (G,), from Student's t with freedom (G,) degrees: a normal distribution
    would take the dispersions for known, which ten patients do not tell.
    """
    return 2 * stats.t.sf(np.abs(statistic), freedom)


def degrees_of_freedom(n_patients: int, n_conditions: int, prior_variance: float | None) -> float:
    """Of a gene's dispersion: those of its own patients and those that it borrows from the other genes.

    prior_variance: of log dispersions about their trend, None or NaN where nothing is borrowed, as where no
    gene varies more than a Poisson does. The logarithm of a variance known with d degrees of freedom has the
    variance trigamma(d / 2) (Smyth 2004, doi:10.2202/1544-6115.1027).
    """
    own = n_patients - n_conditions
    if prior_variance is None or np.isnan(prior_variance):
        return own
    low, high = 1e-3, 1e6

    def excess(half: float) -> float:
        return float(special.polygamma(1, half)) - prior_variance

    return own + 2 * (high if excess(high) >= 0 else optimize.brentq(excess, low, high))


def described(domain: DomainCounts, pair: Pair) -> pd.DataFrame:
    """The same table without a test: means of counts at equal depth, the ratio of them, no p-values.

    Empty where a side has no patient with spots enough, or no gene is expressed.
    """
    part = domain.of((pair.a, pair.b))
    side_b = np.array([condition == pair.b for condition in part.conditions], dtype=bool)
    if not len(side_b) or side_b.all() or not side_b.any():
        return pd.DataFrame({name: [] for name in COLUMNS})
    kept = expressed(part.counts, part.conditions)
    counts = part.counts[:, kept].astype(float)
    depth = part.counts.sum(axis=1, keepdims=True).astype(float)
    level = counts / np.maximum(depth, 1) * np.median(depth)
    fold = np.log2((level[side_b].mean(axis=0) + 0.5) / (level[~side_b].mean(axis=0) + 0.5))
    return pd.DataFrame(
        {
            "gene": part.genes[kept],
            "base_mean": level.mean(axis=0),
            "log2_fold_change": fold,
            "standard_error": np.nan,
            "p_value": np.nan,
        }
    )
