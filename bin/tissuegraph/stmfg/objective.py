"""The loss of stMFG over an encoding (E7): reconstruction (E4), contrast of views (E5), regulariser (E6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tissuegraph.stmfg.contrastive import choose_mode, contrastive_exact, contrastive_sampled
from tissuegraph.stmfg.model import Encoding, Stmfg
from tissuegraph.stmfg.problem import Problem
from tissuegraph.stmfg.regulariser import spatial_regulariser
from tissuegraph.stmfg.settings import Losses, Settings
from tissuegraph.stmfg.zinb import zinb_loss

TERMS = ("zinb", "contrastive", "regulariser", "total")
TERMS_WITH_IMAGE = ("zinb", "contrastive", "regulariser", "contrastive_image", "total")
IMAGE_VIEW = 2  # its place among the views


def loss_terms(
    model: Stmfg, encoding: Encoding, problem: Problem, settings: Settings, draws: np.random.Generator
) -> tuple[Tensor, ...]:
    """Unweighted terms and their weighted total, in the order of TERMS or TERMS_WITH_IMAGE.

    A term of weight 0 is not computed and counts as 0. The image's contrastive term weighs
    losses.contrastive_image times the prior weight of the image.
    """
    losses, nothing = settings.losses, encoding.z.sum() * 0
    device = encoding.z.device
    zinb = contrastive = regulariser = by_image = nothing
    if losses.zinb:
        genes = draw(draws, problem.n_genes, losses.genes_per_step, device)
        half = torch.bfloat16 if settings.optimiser.precision == "bfloat16" else None
        zinb = zinb_loss(
            model.decoder(encoding.z),
            model.decoder.weight,
            model.decoder.bias,
            problem.target,
            genes=genes,
            log_factor=problem.log_factor,
            matmul_dtype=half,
        )
    if losses.contrastive:
        contrastive = contrast(*encoding.per_view[:IMAGE_VIEW], losses, draws)
    if losses.regulariser:
        regulariser = spatial_regulariser(normalize(encoding.z, dim=1), problem.edges, losses.reg_balance)
    total = losses.zinb * zinb + losses.contrastive * contrastive + losses.regulariser * regulariser
    if problem.image_weight is None:
        return zinb, contrastive, regulariser, total
    if losses.contrastive_image:
        by_image = contrast_with_image(encoding.per_view, problem.imaged, losses, draws)
        total = total + losses.contrastive_image * problem.image_weight * by_image
    return zinb, contrastive, regulariser, by_image, total


def contrast(first: Tensor, second: Tensor, losses: Losses, draws: np.random.Generator) -> Tensor:
    """E5 between two views, each (N, D)."""
    n_spots, device = len(first), first.device
    first, second = normalize(first, dim=1), normalize(second, dim=1)
    mode = choose_mode(losses.contrastive_mode, n_spots, losses.n_negatives, device)
    negatives = draw(draws, n_spots, losses.n_negatives, device) if mode == "sampled" else None
    if negatives is None:  # exact, or as many negatives as there are spots
        return contrastive_exact(first, second, losses.temperature)
    return contrastive_sampled(first, second, losses.temperature, negatives)


def contrast_with_image(
    per_view: Sequence[Tensor], imaged: Tensor | None, losses: Losses, draws: np.random.Generator
) -> Tensor:
    """Mean of E5 between the image view and each gene view, over the spots `imaged` (None: all)."""
    views = [view if imaged is None else view[imaged] for view in per_view]
    image = views[IMAGE_VIEW]
    return sum(contrast(view, image, losses, draws) for view in views[:IMAGE_VIEW]) / IMAGE_VIEW


def draw(draws: np.random.Generator, n: int, size: int, device) -> Tensor | None:
    """`size` distinct indices below n in ascending order; None stands for all of them."""
    if not 0 < size < n:
        return None
    return torch.as_tensor(np.sort(draws.choice(n, size, replace=False))).to(device)
