"""Losses of SpaHGC: squared error, Pearson over the spots of a slice, agreement of two views.

Notation: N spots, M genes, D latent dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity


def pearson_loss(predicted: Tensor, measured: Tensor, eps: float = 1e-8) -> Tensor:
    """1 - mean over genes of Pearson's coefficient over the spots; (N, M) each.

    A gene measured as constant here is left out (all of them: 0). eps is added to the product of the
    standard deviations, so that a constant prediction has coefficient 0 and a finite gradient.
    """
    x, y = predicted - predicted.mean(0), measured - measured.mean(0)
    varies = y.square().sum(0) > 1e-8 * len(y)
    if not bool(varies.any()):
        return predicted.sum() * 0.0
    x, y = x[:, varies], y[:, varies]
    covariance = (x * y).mean(0)
    deviation = torch.sqrt(x.square().mean(0) * y.square().mean(0) + eps**2)
    return 1 - (covariance / (deviation + eps)).mean()


def view_agreement(view: Tensor, other: Tensor) -> Tensor:
    """mean_j (2 - 2 cos(view_j, other_j)); no gradient flows into `other`. (N, D) each; 0 where N is 0."""
    if len(view) == 0:
        return view.sum() * 0.0
    return (2 - 2 * cosine_similarity(view, other.detach(), dim=1)).mean()
