"""Predicted expression varies less than measured: by how much, and what giving it the same spread costs.

Everything is learned from references that were held out and inferred: U of them, M genes. A calibrated
prediction is stretched about its own mean in the slice, so no PCC within a slice changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tissuegraph.spahgc.scores import Measured, mean_of_known

SCALE = "calibration_scale"
_NONE = 1e-9  # a standard deviation below this is none


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What was predicted for held-out references beside what was measured; each (U, M) float64."""

    pcc: np.ndarray  # NaN where the measurement is constant
    sd_measured: np.ndarray
    sd_predicted: np.ndarray
    difference: np.ndarray  # mean of predicted minus measured

    def mean_square(self, scale: np.ndarray) -> np.ndarray:
        """Mean squared error (U, M) of predictions stretched by a scale (U, M) or (M,)."""
        stretched = scale * self.sd_predicted
        shared = 2 * np.nan_to_num(self.pcc) * stretched * self.sd_measured
        return self.difference**2 + stretched**2 + self.sd_measured**2 - shared


def agreement(measured: Measured, predicted: np.ndarray) -> np.ndarray:
    """The four rows of HeldOut for one slice: (4, M). Both are (N, M), log-normalised."""
    pcc, mean, deviation = measured.compare(predicted)
    return np.stack([pcc, measured.deviation, deviation, mean - measured.mean])


def calibrate(held_out: HeldOut) -> dict[str, np.ndarray]:
    """Per gene (M,) float32, NaN where no held-out reference varies.

    calibration_scale: what a prediction is stretched by
    sd_ratio, sd_ratio_calibrated: predicted over measured standard deviation, before and after
    rmse, rmse_calibrated: on log-normalised expression
    level_error: root mean square difference of a slide's mean from the measured mean
    What is said of calibrated predictions holds for references that the scale was not fitted on.
    """
    varies = (held_out.sd_measured > _NONE) & (held_out.sd_predicted > _NONE)
    ratio = np.where(varies, held_out.sd_predicted, 1) / np.where(varies, held_out.sd_measured, 1)
    log_scale = np.where(varies, -np.log(ratio), np.nan)
    weight = _own_weight(log_scale)
    without = np.array(
        [_shrunken(np.delete(log_scale, left_out, axis=0), weight) for left_out in range(len(log_scale))]
    )
    known = varies.any(axis=0)
    found = {
        SCALE: np.exp(_shrunken(log_scale, weight)),
        "sd_ratio": np.exp(-mean_of_known(log_scale)),
        "sd_ratio_calibrated": np.exp(mean_of_known(without - log_scale)),
        "level_error": np.sqrt((held_out.difference**2).mean(axis=0)),
        "rmse": np.sqrt(held_out.mean_square(np.ones(len(known))).mean(axis=0)),
        "rmse_calibrated": np.sqrt(held_out.mean_square(np.exp(without)).mean(axis=0)),
    }
    return {name: np.where(known, values, np.nan).astype(np.float32) for name, values in found.items()}


def calibrated(predicted: np.ndarray, per_gene: Mapping[str, np.ndarray]) -> np.ndarray:
    """Predictions (N, M) with the spread of measured expression; genes without a known scale stay."""
    scale = np.nan_to_num(per_gene[SCALE], nan=1.0)
    centre = predicted.mean(axis=0, dtype=np.float64).astype(np.float32)
    return (predicted - centre) * scale + centre


def _shrunken(log_scale: np.ndarray, weight: float) -> np.ndarray:
    """Each gene's mean over the held-out references (U, M), drawn towards that of the median gene: (M,)."""
    own = mean_of_known(log_scale)
    if np.isnan(own).all():
        return np.zeros(len(own))
    centre = np.nanmedian(own)
    return centre + weight * np.where(np.isnan(own), 0.0, own - centre)


def _own_weight(log_scale: np.ndarray) -> float:
    """Share of what genes differ by that is more than their own uncertainty, 0 to 1.

    The uncertainty of a gene's mean is judged by how it varies over the held-out references, on average
    over genes: each alone has too few of them.
    """
    count = (~np.isnan(log_scale)).sum(axis=0)
    several = count > 1
    if several.sum() < 2:
        return 0.0
    chosen, own = log_scale[:, several], mean_of_known(log_scale)[several]
    squares = np.nansum((chosen - own) ** 2, axis=0) / (count[several] - 1)
    uncertain = float((squares / count[several]).mean())
    total = float(own.var(ddof=1))
    return max(total - uncertain, 0.0) / total if total > 0 else 0.0
