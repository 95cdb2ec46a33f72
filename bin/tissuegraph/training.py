"""Training of stMFG on one slice: arrays and settings in, embedding and loss curves out.

Full graph, full batch, fixed number of epochs; the result is the last epoch's. No label is ever read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tissuegraph.arrays import SliceArrays
from tissuegraph.errors import SettingsError
from tissuegraph.graphs import normalise_adjacency
from tissuegraph.image_view import Judged, judge_image
from tissuegraph.losses.zinb import SparseTarget
from tissuegraph.models.layers import View
from tissuegraph.models.stmfg import Encoding, Stmfg
from tissuegraph.objective import TERMS, TERMS_WITH_IMAGE, loss_terms
from tissuegraph.optimiser import Adam
from tissuegraph.presets import Settings
from tissuegraph.sparse import csr_tensor, sparse_operator
from tissuegraph.tiles import TiledEncoder, make_tiles

VIEWS = ("spatial", "feature", "image")
_OUT_OF_MEMORY = (torch.OutOfMemoryError, MemoryError)
_FALLBACK_TILES = 16  # tiles per slice when the full graph did not fit


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """One seed's outcome. N spots, D latent dimensions, V views."""

    embedding: np.ndarray  # (N, D) float32, after the last epoch
    untrained: np.ndarray  # (N, D) float32, the same network before the first step
    attention: np.ndarray  # (N, V) float32, weight of each view in the last fusion, mean over channels
    losses: dict[str, list[float]]  # one value per epoch and term; unweighted, `total` weighted
    seconds: float
    device: str
    warnings: tuple[str, ...] = field(default=())
    views: tuple[str, ...] = VIEWS[:2]  # V names
    image_trust: float | None = None  # share that the image deserves, 0: not used; None: no image


@dataclass(frozen=True, eq=False)
class Problem:
    """What stays the same over seeds and epochs, on the device."""

    views: tuple[View, ...]
    n_inputs: tuple[int, ...]
    n_genes: int
    target: SparseTarget
    log_factor: Tensor | None  # (N,)
    edges: Tensor  # sparse CSR (N, N), spatial
    tiles: tuple | None  # None: the whole graph at once
    presence: Tensor | None = None  # (N, V) prior weight of each view, 0 where missing; None: all 1
    imaged: Tensor | None = None  # rows with image features; None: all
    image_weight: float | None = None  # prior weight of the image view; None: no such view


def resolve_device(device: str) -> torch.device:
    """`auto` takes the GPU where there is one; raises SettingsError when `cuda` is asked for in vain."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SettingsError("device cuda was requested but no GPU is visible; use --device auto or cpu")
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device must be auto, cpu or cuda, got {device!r}")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def train(
    arrays: SliceArrays,
    settings: Settings,
    *,
    seed: int,
    device: str = "auto",
    tile_spots: int = 0,
    image: np.ndarray | None = None,
) -> TrainingResult:
    """Train one network. Same seed, settings and thread count give the same bits on a CPU."""
    return train_seeds(arrays, settings, seeds=[seed], device=device, tile_spots=tile_spots, image=image)[0]


def train_seeds(
    arrays: SliceArrays,
    settings: Settings,
    *,
    seeds: Sequence[int],
    device: str = "auto",
    tile_spots: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
    image: np.ndarray | None = None,
) -> list[TrainingResult]:
    """Train one network per seed, preparing graphs and targets once.

    tile_spots: encode contiguous tiles of at most so many spots instead of the whole graph; 0: whole.
    The gradients are the same, activations take less memory. When a GPU runs out of memory, training
    starts again in tiles, and if that fails too on the CPU; the result's warnings say so.
    progress: called with seed, epoch and total loss every tenth of the epochs.
    image: (N, F) image features, a row of NaN where a spot has none; they become a third view unless
    settings.model.image_trust, or the data, say otherwise. Without image the paper's two views remain.
    """
    judged = judge_image(arrays, settings, image)
    chosen = resolve_device(device)
    plans = [(chosen, tile_spots)]
    if chosen.type == "cuda":
        plans += [(chosen, max(1, -(-arrays.n_spots // _FALLBACK_TILES))), (torch.device("cpu"), tile_spots)]
    notes = list(judged.warnings)
    while True:
        (where, spots), *plans = plans
        try:
            problem = prepare(arrays, settings, where, spots, judged)
            results = [_train_one(problem, settings, seed, where, progress) for seed in seeds]
            return [replace(result, warnings=tuple(notes), image_trust=judged.trust) for result in results]
        except _OUT_OF_MEMORY:
            if not plans:
                raise
        problem = None  # frees the device before the next attempt
        remedy = f"in tiles of {plans[0][1]} spots" if plans[0][0] == where else "on the CPU"
        notes.append(f"the {where.type} device ran out of memory on {arrays.n_spots} spots; trained {remedy}")
        if where.type == "cuda":
            torch.cuda.empty_cache()


def prepare(
    arrays: SliceArrays,
    settings: Settings,
    device: torch.device,
    tile_spots: int = 0,
    judged: Judged | None = None,
) -> Problem:
    """Normalise the graphs, move everything to the device, and do once what every epoch shares."""
    norm = settings.model.norm
    features = arrays.features
    narrow = features.shape[1] <= settings.model.dims[0]  # then A~ X is no wider than X W
    shared = None if narrow else _features_on(features, device)
    adjacencies = [normalise_adjacency(graph, norm, np.float64) for graph in (arrays.spatial, arrays.feature)]
    views = []
    for adjacency in adjacencies:
        operator = sparse_operator(adjacency, symmetric=norm == "sym", device=device)
        if narrow:
            propagated = adjacency @ (features.toarray() if sparse.issparse(features) else features)
            views.append(
                View(operator, propagated=torch.as_tensor(propagated, dtype=torch.float32).to(device))
            )
        else:
            views.append(View(operator, features=shared))
    n_inputs = [features.shape[1]] * len(views)
    image, presence, imaged = judged.view if judged else None, None, None
    if image is not None:
        adjacency = normalise_adjacency(image.graph, norm, np.float64)
        operator = sparse_operator(adjacency, symmetric=norm == "sym", device=device)
        propagated = torch.as_tensor(adjacency @ image.values, dtype=torch.float32).to(device)
        views.append(View(operator, propagated=propagated))
        adjacencies.append(adjacency)
        n_inputs.append(image.values.shape[1])
        weight = np.where(image.present, image.weight, 0.0)
        presence = torch.ones(arrays.n_spots, len(views))
        presence[:, -1] = torch.as_tensor(weight)
        presence = presence.to(device)
        imaged = None if image.present.all() else torch.as_tensor(np.flatnonzero(image.present)).to(device)
    target, log_factor = _target(arrays, settings, device)
    tiles = None
    if tile_spots and tile_spots < arrays.n_spots:
        hops = len(settings.model.dims) - (1 if narrow else 0)
        tiles = make_tiles(arrays.position, adjacencies, views, features, tile_spots, hops, device, presence)
    return Problem(
        views=tuple(views) if tiles is None else (),
        n_inputs=tuple(n_inputs),
        n_genes=target.shape[1],
        target=target,
        log_factor=log_factor,
        edges=csr_tensor(arrays.spatial, device=device),
        tiles=tiles,
        presence=presence,
        imaged=imaged,
        image_weight=None if image is None else image.weight,
    )


def _features_on(features, device):
    if sparse.issparse(features):
        return sparse_operator(features, device=device)
    return torch.as_tensor(features).to(device)


def _target(arrays: SliceArrays, settings: Settings, device) -> tuple[SparseTarget, Tensor | None]:
    """What the decoder reconstructs, and the log depth factors that go with raw counts."""
    size = {"genes_per_step": settings.losses.genes_per_step, "device": device}
    if settings.losses.target == "scaled":
        features = sparse.csr_matrix(arrays.features)
        if features.nnz and features.data.min() < 0:
            raise SettingsError(
                "losses.target: scaled needs non-negative features, got negative ones; "
                "set preprocess.input: hvg without centring, or losses.target: counts"
            )
        return SparseTarget(features, **size), None
    depth = np.maximum(arrays.depth, 1.0)
    log_factor = np.log(depth / np.median(depth)).astype(np.float32)
    return SparseTarget(arrays.counts, **size), torch.as_tensor(log_factor).to(device)


def build_model(problem: Problem, settings: Settings, seed: int) -> Stmfg:
    """A freshly initialised network; the same on every device, and without touching global state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Stmfg(settings.model, problem.n_inputs, problem.n_genes)


def _train_one(
    problem: Problem,
    settings: Settings,
    seed: int,
    device: torch.device,
    progress: Callable[[int, int, float], None] | None,
) -> TrainingResult:
    started = time.perf_counter()
    model = build_model(problem, settings, seed).to(device)
    untrained = _encode_without_gradient(model, problem).z.cpu().numpy()
    chosen = settings.optimiser
    optimiser = Adam(model.parameters(), lr=chosen.lr, weight_decay=chosen.weight_decay)
    draws = np.random.default_rng(seed)
    curves: list[Tensor] = []
    for epoch in range(chosen.epochs):
        optimiser.zero_grad()
        curves.append(backward_one_step(model, problem, settings, draws))
        optimiser.step()
        if progress and (epoch + 1) % max(1, chosen.epochs // 10) == 0:
            progress(seed, epoch + 1, curves[-1][-1].item())
    final = _encode_without_gradient(model, problem)
    names = TERMS if problem.image_weight is None else TERMS_WITH_IMAGE
    values = torch.stack(curves).cpu().numpy() if curves else np.zeros((0, len(names)))
    return TrainingResult(
        embedding=final.z.cpu().numpy(),
        untrained=untrained,
        attention=final.attention.mean(2).cpu().numpy(),
        losses={term: values[:, column].tolist() for column, term in enumerate(names)},
        seconds=time.perf_counter() - started,
        device=device.type,
        views=VIEWS[: len(problem.n_inputs)],
    )


@torch.no_grad()
def _encode_without_gradient(model: Stmfg, problem: Problem) -> Encoding:
    if problem.tiles is None:
        return model.encode(problem.views, problem.presence)
    return TiledEncoder(model, problem.tiles).encode()


def backward_one_step(
    model: Stmfg, problem: Problem, settings: Settings, draws: np.random.Generator
) -> Tensor:
    """Leave the gradients of the total loss on the parameters; return the (T,) values of the terms."""
    tiled = None
    if problem.tiles is None:
        encoding = model.encode(problem.views, problem.presence)
    else:
        tiled = TiledEncoder(model, problem.tiles)
        encoding = tiled.encode_detached()
    terms = loss_terms(model, encoding, problem, settings, draws)
    terms[-1].backward()
    if tiled is not None:
        tiled.backward(encoding)
    return torch.stack(terms).detach()


def save_embeddings(path: str | Path, seeds: Sequence[int], results: Sequence[TrainingResult]) -> None:
    """npz with embeddings (S, N, D), untrained (S, N, D) and attention (S, N, V), all float32; seeds (S,)."""
    with open(path, "wb") as file:
        np.savez(
            file,
            embeddings=np.stack([result.embedding for result in results]),
            untrained=np.stack([result.untrained for result in results]),
            attention=np.stack([result.attention for result in results]),
            seeds=np.asarray(list(seeds)),
        )
