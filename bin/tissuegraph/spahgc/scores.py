"""How well predicted expression agrees with measured: PCC per gene and per spot, RMSE.

Constant genes. Pearson's coefficient is undefined for a constant vector. A gene *measured* as constant
in the scored slice says nothing about any method: it is left out of the mean, for all methods alike, and
counted. A gene *predicted* as constant while the measurement varies has no order to be right about: it
counts as 0 and is counted too, so that a method cannot raise its mean by predicting constants. The same
holds for spots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CONSTANT = 1e-6  # a standard deviation below this, relative to the largest value, is rounding


@dataclass(frozen=True, eq=False)
class Scores:
    """Agreement on one slice of N spots and M genes.

    gene_pcc: (M,) NaN where the measurement is constant, 0 where only the prediction is
    spot_pcc: (N,) likewise
    gene_rmse: (M,) in units of log-normalised expression
    """

    gene_pcc: np.ndarray
    spot_pcc: np.ndarray
    gene_rmse: np.ndarray
    n_constant_measured: int
    n_constant_predicted: int

    def summary(self) -> dict[str, float | int]:
        """The means that tables show; NaN where nothing could be scored."""
        return {
            "pcc": _mean(self.gene_pcc),
            "pcc_median": float(np.nanmedian(self.gene_pcc)) if not _empty(self.gene_pcc) else float("nan"),
            "spot_pcc": _mean(self.spot_pcc),
            "rmse": float(np.sqrt(_mean(self.gene_rmse**2))),
            "n_genes": len(self.gene_pcc),
            "n_constant_measured": self.n_constant_measured,
            "n_constant_predicted": self.n_constant_predicted,
        }


def score(measured: np.ndarray, predicted: np.ndarray) -> Scores:
    """Scores of a slice. measured, predicted: (N, M), log-normalised; without genes nothing is known."""
    gene_pcc, no_measure, no_prediction = pearson(measured, predicted)
    if measured.shape[1]:
        spot_pcc, _, _ = pearson(measured.T, predicted.T)
    else:
        spot_pcc = np.full(len(measured), np.nan)
    difference = np.asarray(predicted, dtype=np.float64) - measured
    return Scores(
        gene_pcc=gene_pcc,
        spot_pcc=spot_pcc,
        gene_rmse=np.sqrt((difference**2).mean(axis=0)),
        n_constant_measured=int(no_measure.sum()),
        n_constant_predicted=int((no_prediction & ~no_measure).sum()),
    )


def pearson(measured: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pearson's coefficient of each column by the rule above, and which columns are constant.

    Returns (M,) float64, and two (M,) bool: constant in the measurement, constant in the prediction.
    """
    (x, no_x), (y, no_y) = _standardise(measured), _standardise(predicted)
    coefficient = np.clip((x * y).mean(axis=0), -1, 1)
    return np.where(no_x, np.nan, np.where(no_y, 0.0, coefficient)), no_x, no_y


def mean_of_known(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Mean along an axis of the values that are not NaN; NaN where none is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _standardise(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(values, dtype=np.float64)
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    constant = deviation <= _CONSTANT * np.maximum(np.abs(values).max(axis=0), 1e-12)
    return centred / np.where(constant, 1.0, deviation), constant


def _empty(values: np.ndarray) -> bool:
    return bool(np.isnan(values).all())


def _mean(values: np.ndarray) -> float:
    return float("nan") if _empty(values) else float(np.nanmean(values))
