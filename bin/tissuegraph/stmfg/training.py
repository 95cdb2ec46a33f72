"""Training of stMFG on one slice: arrays and settings in, embedding and loss curves out.

Full graph, full batch, fixed number of epochs; the result is the last epoch's. No label is ever read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tissuegraph.nn.allocator import return_freed_memory
from tissuegraph.nn.device import resolve_device
from tissuegraph.nn.gradients import hand_on
from tissuegraph.nn.optimiser import Adam
from tissuegraph.nn.progress import Progress, Teller
from tissuegraph.nn.random import drawing_from, generator
from tissuegraph.nn.result import TrainingResult, refuse_divergence
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.stmfg.image_view import judge_image
from tissuegraph.stmfg.model import Encoding, Stmfg
from tissuegraph.stmfg.objective import TERMS, TERMS_WITH_IMAGE, backward_by_term
from tissuegraph.stmfg.parts import PartwiseEncoder
from tissuegraph.stmfg.problem import Problem, prepare
from tissuegraph.stmfg.settings import Settings

VIEWS = ("spatial", "feature", "image")
Trained = Callable[[Stmfg, Problem, Encoding], None]
_OUT_OF_MEMORY = (torch.OutOfMemoryError, MemoryError)
_EPOCHS_PER_TRIM = 10
_FALLBACK_PARTS = 16  # parts per slice when the full graph did not fit


def train(
    arrays: SliceArrays,
    settings: Settings,
    *,
    seed: int,
    device: str = "auto",
    part_spots: int = 0,
    image: np.ndarray | None = None,
) -> TrainingResult:
    """Train one network. Same seed, settings and thread count give the same bits on a CPU."""
    return train_seeds(arrays, settings, seeds=[seed], device=device, part_spots=part_spots, image=image)[0]


def train_seeds(
    arrays: SliceArrays,
    settings: Settings,
    *,
    seeds: Sequence[int],
    device: str = "auto",
    part_spots: int = 0,
    progress: Progress | None = None,
    image: np.ndarray | None = None,
    trained: Trained | None = None,
) -> list[TrainingResult]:
    """Train one network per seed, preparing graphs and targets once.

    part_spots: encode contiguous parts of at most so many spots instead of the whole graph; 0: whole.
    The gradients are the same, activations take less memory. When a GPU runs out of memory, training
    starts again in parts, and if that fails too on the CPU; the result's warnings say so.
    progress: called with seed, epoch, epochs and total loss, see nn.progress.
    image: (N, F) image features, a row of NaN where a spot has none; they become a third view unless
    settings.model.image_trust, or the data, say otherwise. Without image the paper's two views remain.
    trained: called with the network of each seed, the problem and the last encoding, before they are dropped.
    settings.model.image_view is for the caller: it says whether there is anything to give as image.
    Raises InputError where a seed diverges or the image features do not fit the slice.
    """
    judged = judge_image(arrays, settings, image)
    chosen = resolve_device(device)
    plans = [(chosen, part_spots)]
    if chosen.type == "cuda":
        plans += [(chosen, max(1, -(-arrays.n_spots // _FALLBACK_PARTS))), (torch.device("cpu"), part_spots)]
    notes = list(judged.warnings)
    while True:
        (where, spots), *plans = plans
        try:
            problem = prepare(arrays, settings, where, spots, judged)
            results = [_train_one(problem, settings, seed, where, progress, trained) for seed in seeds]
            told = {"warnings": tuple(notes), "notes": judged.notes, "image_trust": judged.trust}
            return [replace(result, **told) for result in results]
        except _OUT_OF_MEMORY:
            if not plans:
                raise
        problem = None  # frees the device before the next attempt
        remedy = f"in parts of {plans[0][1]} spots" if plans[0][0] == where else "on the CPU"
        notes.append(f"the {where.type} device ran out of memory on {arrays.n_spots} spots; trained {remedy}")
        if where.type == "cuda":
            torch.cuda.empty_cache()


def build_model(problem: Problem, settings: Settings, seed: int) -> Stmfg:
    """A freshly initialised network; the same on every device, and without touching global state."""
    with drawing_from(generator(seed)):
        n_image = problem.n_inputs[-1] if problem.shown is not None and settings.losses.image else 0
        return Stmfg(settings.model, problem.n_inputs, problem.n_genes, n_image)


def _train_one(
    problem: Problem,
    settings: Settings,
    seed: int,
    device: torch.device,
    progress: Progress | None,
    trained: Trained | None = None,
) -> TrainingResult:
    started = time.perf_counter()
    model = build_model(problem, settings, seed).to(device)
    untrained = _encode_without_gradient(model, problem).z.cpu().numpy()
    chosen = settings.optimiser
    optimiser = Adam(model.parameters(), lr=chosen.lr, weight_decay=chosen.weight_decay)
    draws = np.random.default_rng(seed)
    curves: list[Tensor] = []
    teller = Teller(chosen.epochs)
    for epoch in range(chosen.epochs):
        optimiser.zero_grad()
        curves.append(backward_one_step(model, problem, settings, draws))
        optimiser.step()
        if epoch % _EPOCHS_PER_TRIM == 0:
            return_freed_memory()
        if progress and teller.due(epoch + 1):
            progress(seed, epoch + 1, chosen.epochs, curves[-1][-1].item())
    final = _encode_without_gradient(model, problem)
    names = TERMS if problem.shares is None else TERMS_WITH_IMAGE
    values = torch.stack(curves).cpu().numpy() if curves else np.zeros((0, len(names)))
    result = TrainingResult(
        embedding=final.z.cpu().numpy(),
        untrained=untrained,
        attention=final.attention.mean(2).cpu().numpy(),
        losses={term: values[:, column].tolist() for column, term in enumerate(names)},
        seconds=time.perf_counter() - started,
        device=device.type,
        views=VIEWS[: len(problem.n_inputs)],
    )
    refuse_divergence(result, "stMFG", seed, chosen.lr)
    if trained:
        trained(model, problem, final)
    return result


@torch.no_grad()
def _encode_without_gradient(model: Stmfg, problem: Problem) -> Encoding:
    if problem.parts is None:
        return model(problem.views, problem.presence)
    return PartwiseEncoder(model, problem.parts).encode()


def backward_one_step(
    model: Stmfg, problem: Problem, settings: Settings, draws: np.random.Generator
) -> Tensor:
    """Leave the gradients of the total loss on the parameters; return the (T,) values of the terms."""
    if problem.parts is not None:
        by_part = PartwiseEncoder(model, problem.parts)
        encoding = by_part.encode_detached()
        values = backward_by_term(model, encoding, problem, settings, draws)
        by_part.backward(encoding)
        return values
    encoding = model(problem.views, problem.presence)
    leaves = encoding.detached()
    values = backward_by_term(model, leaves, problem, settings, draws)
    gathered = zip(encoding.differentiable, leaves.differentiable, strict=True)
    pairs = [(made, leaf.grad) for made, leaf in gathered if leaf.grad is not None]
    hand_on(pairs)
    return values
