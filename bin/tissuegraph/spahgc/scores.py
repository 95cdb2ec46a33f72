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
_AT_ONCE = 256  # columns


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
    blocks = [
        (_Columns.of(measured[:, columns]), _Columns.of(predicted[:, columns]))
        for columns in _blocks(measured.shape[1])
    ]
    coefficients = [_coefficients(x, y) for x, y in blocks]
    constant = ([each.constant for each in side] for side in zip(*blocks, strict=True))
    return np.concatenate(coefficients), *map(np.concatenate, constant)


class Measured:
    """Measured expression (N, M) that many predictions are held against: standardised once, in float64."""

    def __init__(self, values: np.ndarray):
        self._blocks = [_Columns.of(values[:, columns]) for columns in _blocks(values.shape[1])]
        self.mean = np.concatenate([each.mean for each in self._blocks])
        self.deviation = np.concatenate([each.deviation for each in self._blocks])

    def pearson(self, predicted: np.ndarray) -> np.ndarray:
        """Coefficient of each gene by the rule above, (M,) float64; predicted: (N, M)."""
        return self.compare(predicted)[0]

    def compare(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`pearson`, and mean and standard deviation of each predicted gene: (M,) float64 each."""
        found = []
        for measured, columns in zip(self._blocks, _blocks(predicted.shape[1]), strict=True):
            shown = _Columns.of(predicted[:, columns])
            found.append((_coefficients(measured, shown), shown.mean, shown.deviation))
        return tuple(np.concatenate(each) for each in zip(*found, strict=True))


def mean_of_known(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Mean along an axis of the values that are not NaN; NaN where none is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True, eq=False)
class _Columns:
    """Some columns: standardised (N, B), and whether constant, mean and standard deviation of each, (B,)."""

    standardised: np.ndarray
    constant: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> _Columns:
        values = np.asarray(values, dtype=np.float64)
        mean = values.mean(axis=0)
        centred = values - mean
        deviation = centred.std(axis=0)
        constant = deviation <= _CONSTANT * np.maximum(np.abs(values).max(axis=0), 1e-12)
        return cls(centred / np.where(constant, 1.0, deviation), constant, mean, deviation)


def _coefficients(measured: _Columns, predicted: _Columns) -> np.ndarray:
    found = np.clip((measured.standardised * predicted.standardised).mean(axis=0), -1, 1)
    return np.where(measured.constant, np.nan, np.where(predicted.constant, 0.0, found))


def _blocks(n_columns: int) -> list[slice]:
    """So many columns that what is made of them stays in the processor's cache."""
    return [slice(start, start + _AT_ONCE) for start in range(0, max(n_columns, 1), _AT_ONCE)]


def _empty(values: np.ndarray) -> bool:
    return bool(np.isnan(values).all())


def _mean(values: np.ndarray) -> float:
    return float("nan") if _empty(values) else float(np.nanmean(values))
