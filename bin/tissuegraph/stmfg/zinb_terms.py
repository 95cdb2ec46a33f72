"""Zero-inflated negative binomial, entry by entry: log-likelihood and slopes by the three logits.

Notation: x count, theta dispersion, mu mean, pi share of extra zeros; a, b, c their logits:
pi = sigma(a), theta = softplus(b), mu = e^c (c with the log depth factor).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

THETA_RANGE = (1e-4, 1e4)
MU_RANGE = (1e-5, 1e6)  # before the depth factor
THETA_LOGIT_RANGE = (math.log(math.expm1(THETA_RANGE[0])), THETA_RANGE[1])
MU_LOGIT_RANGE = (math.log(MU_RANGE[0]), math.log(MU_RANGE[1]))
PI_LOGIT_RANGE = (-80.0, math.inf)  # e^-80 is the least share that single precision holds with all digits
_PLAIN_SOFTPLUS_UP_TO = 30.0  # beyond, e^b leaves no digit of the 1 in 1 + e^b and may overflow
_LOG2_E = 1 / math.log(2)


def value_and_slopes(logits: Tensor, log_factor: Tensor | None, nonzero: Tensor, count: Tensor) -> Tensor:
    """Log-likelihood of a block, less its sum of log x!, as a float64 scalar; the slopes replace the logits.

    logits: contiguous (3, genes, rows), overwritten by the derivatives of the log-likelihood; log_factor:
    (rows,); nonzero: flat positions in (genes, rows) of the counts above zero, and count those counts.
    """
    a, b, c = logits
    limits = (PI_LOGIT_RANGE, THETA_LOGIT_RANGE, MU_LOGIT_RANGE)
    clipped = [_clip(logit, *limit) for logit, limit in zip(logits, limits, strict=True)]
    if log_factor is not None:
        c += log_factor
    picked = [logit.view(-1).index_select(0, nonzero) for logit in logits]
    value = _zero_entries(a, b, c, nonzero)
    value_above, slopes = _nonzero_entries(*picked, count)
    for by_logit, slope, outside in zip(logits, slopes, clipped, strict=True):
        by_logit.view(-1).scatter_(0, nonzero, slope)
        if outside is not None:
            by_logit[outside] = 0
    return value + value_above


def _zero_entries(a: Tensor, b: Tensor, c: Tensor, skipped: Tensor) -> Tensor:
    """Sum of log P(0) over all entries but `skipped`; slopes in place. With L = log(1 + mu/theta):

    log NB(0) = -theta L; s = P(zero is a drop-out) = sigma(a + theta L); P(0) = pi / s, which loses no
    digits however small P(0) gets; d/da = s - pi; d/dtheta = (1-s)(mu/(theta+mu) - L);
    d/dc = -(1-s) theta mu/(theta+mu).
    """
    theta, theta_slope = _softplus_and_slope(b)
    ratio = _exp(c).div_(theta)
    log1p_ratio = _log1p(ratio)
    share = torch.div(ratio, ratio + 1, out=c)  # mu / (theta + mu)
    drop_out = torch.addcmul(a, theta, log1p_ratio).sigmoid_()
    pi = a.sigmoid_()
    likelihood = torch.div(pi, drop_out, out=ratio)
    likelihood.view(-1).index_fill_(0, skipped, 1)
    value = _log(likelihood).sum().double()
    torch.sub(drop_out, pi, out=a)
    minus_counted = drop_out.sub_(1)  # -P(zero is no drop-out)
    torch.mul(log1p_ratio.sub_(share).mul_(minus_counted), theta_slope, out=b)
    share.mul_(theta).mul_(minus_counted)
    return value


def _nonzero_entries(a: Tensor, b: Tensor, c: Tensor, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Sum of log P(x) + log x! over counts above zero, and the slopes by a, b and c."""
    theta, theta_slope = _softplus_and_slope(b)
    ratio = _exp(c).div_(theta)
    log1p_ratio = _log1p(ratio)
    share = ratio.div_(ratio + 1)
    log_rise, rise_slope = log_rising(theta, x)
    log_share = (c - _log(theta)).sub_(log1p_ratio)  # of mu / (theta + mu), to full precision when small
    log_rise.addcmul_(theta, log1p_ratio, value=-1).addcmul_(x, log_share).sub_(softplus(a))
    expected = (theta + x).mul_(share)  # of this count, were it drawn anew with its own weight
    by_theta = rise_slope.sub_(log1p_ratio).add_((expected - x).div_(theta))
    return log_rise.sum(dtype=torch.float64), (-torch.sigmoid(a), by_theta.mul_(theta_slope), x - expected)


def _softplus_and_slope(logit: Tensor) -> tuple[Tensor, Tensor]:
    if logit.numel() and logit.max() > _PLAIN_SOFTPLUS_UP_TO:
        return softplus(logit), torch.sigmoid(logit)
    raised = _exp(logit)
    slope = raised / (raised + 1)
    return _log1p(raised), slope


def _clip(logit: Tensor, least: float, most: float) -> Tensor | None:
    """Clip in place; return the mask of what was clipped, or None where that is nothing (the usual case)."""
    lowest, highest = torch.aminmax(logit)
    if lowest >= least and highest <= most:
        return None
    clipped = (logit < least) | (logit > most)
    logit.clamp_(least, most)
    return clipped


def log_rising(theta: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """lgamma(theta + x) - lgamma(theta) and its derivative by theta, for theta > 0, x >= 0.

    Both log-gammas are moved up by 4 with the recurrence and expanded by Stirling's series there. The
    difference is taken term by term, so that a large theta (the Poisson limit) cancels nothing, and no
    digamma is evaluated: five times as fast as lgamma and digamma. Absolute error below 1e-8 in float64.
    """
    both = torch.stack([theta, theta + count])
    moved = both + 4
    rest, slope = _stirling_rest(moved)
    factors, factors_slope = _four_factors(both)
    slope += factors_slope
    growth = _log1p(count / moved[0])
    value = (_log(moved[1]) - 1).mul_(count).addcmul_(moved[0] - 0.5, growth)
    value += (rest[1] - rest[0]).sub_(_log(factors[1] / factors[0]))
    return value, growth.sub_(slope[1]).add_(slope[0])


def _four_factors(z: Tensor) -> tuple[Tensor, Tensor]:
    """z (z+1) (z+2) (z+3) and the derivative of its logarithm."""
    inner = (z + 3).mul_(z)
    product = torch.addcmul(inner + inner, inner, inner)
    return product, inner.add_(1).mul_(4 * z + 6).div_(product)


def _stirling_rest(z: Tensor) -> tuple[Tensor, Tensor]:
    """lgamma(z) - ((z - 1/2) log z - z + log(2 pi) / 2) for z >= 4, and log z less lgamma's derivative."""
    inverse = 1 / z
    square = inverse * inverse
    rest = (square / 1680).sub_(1 / 1260).mul_(square).add_(1 / 360).mul_(square).sub_(1 / 12)
    slope = (square / -240).add_(1 / 252).mul_(square).sub_(1 / 120).mul_(square).add_(1 / 12)
    return rest.mul_(inverse).neg_(), slope.mul_(square).add_(inverse, alpha=0.5)


def _exp(x: Tensor) -> Tensor:
    """e^x through 2^x, which torch computes three times as fast on a CPU; loses |x| units of rounding."""
    return torch.exp2(x * _LOG2_E)


def _log(x: Tensor) -> Tensor:
    """log x; on a CPU by numpy, twice as fast."""
    return _by_numpy(np.log, x) if x.device.type == "cpu" else x.log()


def _log1p(x: Tensor) -> Tensor:
    return _by_numpy(np.log1p, x) if x.device.type == "cpu" else x.log1p()


def _by_numpy(function: np.ufunc, x: Tensor) -> Tensor:
    return torch.from_numpy(function(x.numpy()))
