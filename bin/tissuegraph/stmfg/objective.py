"""The loss of stMFG over an encoding (E7): reconstruction (E4), contrast of views (E5), regulariser (E6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
TERMS_WITH_IMAGE = ("zinb", "contrastive", "regulariser", "contrastive_image", "image", "total")
IMAGE_VIEW = 2  # its place among the views


def loss_terms(
    model: Stmfg, encoding: Encoding, problem: Problem, settings: Settings, draws: np.random.Generator
) -> tuple[Tensor, ...]:
    """Unweighted terms and their weighted total, in the order of TERMS or TERMS_WITH_IMAGE.

    A term of weight 0 is not computed and counts as 0. The image's contrastive term weighs
    losses.contrastive_image times the prior weight of the image.
    """
    nothing = encoding.z.sum() * 0
    weighted = _weighted_terms(model, encoding, problem, settings, draws)
    terms = [compute() if weight else nothing for weight, compute in weighted]
    return *terms, _total([weight for weight, _ in weighted], terms)


def backward_by_term(
    model: Stmfg, encoding: Encoding, problem: Problem, settings: Settings, draws: np.random.Generator
) -> Tensor:
    """Leave the gradients of the total on the parameters and on the encoding's leaves; the (T,) values.

    The same as the backward pass of `loss_terms`' total, one term after the other: what a term holds for its
    gradient is gone before the next begins, which at 500,000 spots is GB.
    """
    weighted = _weighted_terms(model, encoding, problem, settings, draws)
    values = []
    for weight, compute in weighted:
        if not weight:
            values.append(torch.zeros((), device=encoding.z.device))
            continue
        term = compute()
        (weight * term).backward()
        values.append(term.detach())
        del term
    return torch.stack([*values, _total([weight for weight, _ in weighted], values)])


def _weighted_terms(
    model: Stmfg, encoding: Encoding, problem: Problem, settings: Settings, draws: np.random.Generator
) -> list[tuple[float, Callable[[], Tensor]]]:
    """Weight of each term, and what computes it; to be called in this order, as they share `draws`."""
    losses = settings.losses

    def zinb() -> Tensor:
        genes = draw(draws, problem.n_genes, losses.genes_per_step, encoding.z.device)
        half = torch.bfloat16 if settings.optimiser.precision == "bfloat16" else None
        return zinb_loss(
            model.decoder(encoding.z),
            model.decoder.weight,
            model.decoder.bias,
            problem.target,
            genes=genes,
            log_factor=problem.log_factor,
            matmul_dtype=half,
        )

    def contrastive() -> Tensor:
        return contrast(*encoding.per_view[:IMAGE_VIEW], losses, draws)

    def regulariser() -> Tensor:
        return spatial_regulariser(normalize(encoding.z, dim=1), problem.edges, losses.reg_balance)

    def by_image() -> Tensor:
        return contrast_with_image(encoding.per_view, problem.imaged, losses, draws)

    def image() -> Tensor:
        return read_back(model.recall(encoding.z), problem.shown, problem.imaged)

    genes = 1.0 if problem.shares is None else problem.shares.genes
    terms = [
        (losses.zinb * genes, zinb),
        (losses.contrastive * genes, contrastive),
        (losses.regulariser, regulariser),
    ]
    if problem.shares is not None:
        terms.append((losses.contrastive_image * genes * problem.shares.image, by_image))
        terms.append((losses.image * (1 - genes), image))
    return terms


def read_back(recalled: Tensor, shown: Tensor, imaged: Tensor | None) -> Tensor:
    """Mean squared error of what the embedding recalls of the image, over the spots `imaged` (None: all)."""
    missed = (recalled - shown).square()
    return (missed if imaged is None else missed[imaged]).mean()


def _total(weights: Sequence[float], terms: Sequence[Tensor]) -> Tensor:
    total = weights[0] * terms[0]
    for weight, term in zip(weights[1:], terms[1:], strict=True):
        total = total + weight * term
    return total


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
