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
from torch.nn.functional import normalize

from tissuegraph.arrays import SliceArrays
from tissuegraph.errors import SettingsError
from tissuegraph.graphs import normalise_adjacency
from tissuegraph.losses.contrastive import choose_mode, contrastive_exact, contrastive_sampled
from tissuegraph.losses.regulariser import spatial_regulariser
from tissuegraph.losses.zinb import SparseTarget, zinb_loss
from tissuegraph.models.layers import View, csr_tensor, sparse_operator
from tissuegraph.models.stmfg import Encoding, Stmfg
from tissuegraph.optimiser import Adam
from tissuegraph.presets import Settings
from tissuegraph.tiles import TiledEncoder, make_tiles

TERMS = ("zinb", "contrastive", "regulariser", "total")
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


def resolve_device(device: str) -> torch.device:
    """`auto` takes the GPU where there is one; raises SettingsError when `cuda` is asked for in vain."""
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SettingsError("device cuda was requested but no GPU is visible; use --device auto or cpu")
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device must be auto, cpu or cuda, got {device!r}")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def train(
    arrays: SliceArrays, settings: Settings, *, seed: int, device: str = "auto", tile_spots: int = 0
) -> TrainingResult:
    """Train one network. Same seed, settings and thread count give the same bits on a CPU."""
    return train_seeds(arrays, settings, seeds=[seed], device=device, tile_spots=tile_spots)[0]


def train_seeds(
    arrays: SliceArrays,
    settings: Settings,
    *,
    seeds: Sequence[int],
    device: str = "auto",
    tile_spots: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[TrainingResult]:
    """Train one network per seed, preparing graphs and targets once.

    tile_spots: encode contiguous tiles of at most so many spots instead of the whole graph; 0: whole.
    The gradients are the same, activations take less memory. When a GPU runs out of memory, training
    starts again in tiles, and if that fails too on the CPU; the result's warnings say so.
    progress: called with seed, epoch and total loss every tenth of the epochs.
    """
    chosen = resolve_device(device)
    plans = [(chosen, tile_spots)]
    if chosen.type == "cuda":
        plans += [(chosen, max(1, -(-arrays.n_spots // _FALLBACK_TILES))), (torch.device("cpu"), tile_spots)]
    notes: list[str] = []
    while True:
        (where, spots), *plans = plans
        try:
            problem = prepare(arrays, settings, where, spots)
            results = [_train_one(problem, settings, seed, where, progress) for seed in seeds]
            return [replace(result, warnings=tuple(notes)) for result in results]
        except _OUT_OF_MEMORY:
            if not plans:
                raise
        problem = None  # frees the device before the next attempt
        remedy = f"in tiles of {plans[0][1]} spots" if plans[0][0] == where else "on the CPU"
        notes.append(f"the {where.type} device ran out of memory on {arrays.n_spots} spots; trained {remedy}")
        if where.type == "cuda":
            torch.cuda.empty_cache()


def prepare(arrays: SliceArrays, settings: Settings, device: torch.device, tile_spots: int = 0) -> Problem:
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
    target, log_factor = _target(arrays, settings, device)
    tiles = None
    if tile_spots and tile_spots < arrays.n_spots:
        hops = len(settings.model.dims) - (1 if narrow else 0)
        tiles = make_tiles(arrays.position, adjacencies, views, features, tile_spots, hops, device)
    return Problem(
        views=tuple(views) if tiles is None else (),
        n_inputs=(features.shape[1],) * len(views),
        n_genes=target.shape[1],
        target=target,
        log_factor=log_factor,
        edges=csr_tensor(arrays.spatial, device=device),
        tiles=tiles,
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
    values = torch.stack(curves).cpu().numpy() if curves else np.zeros((0, len(TERMS)))
    return TrainingResult(
        embedding=final.z.cpu().numpy(),
        untrained=untrained,
        attention=final.attention.mean(2).cpu().numpy(),
        losses={term: values[:, column].tolist() for column, term in enumerate(TERMS)},
        seconds=time.perf_counter() - started,
        device=device.type,
    )


@torch.no_grad()
def _encode_without_gradient(model: Stmfg, problem: Problem) -> Encoding:
    if problem.tiles is None:
        return model.encode(problem.views)
    return TiledEncoder(model, problem.tiles).encode()


def backward_one_step(
    model: Stmfg, problem: Problem, settings: Settings, draws: np.random.Generator
) -> Tensor:
    """Leave the gradients of the total loss on the parameters; return the (4,) values of TERMS."""
    tiled = None
    if problem.tiles is None:
        encoding = model.encode(problem.views)
    else:
        tiled = TiledEncoder(model, problem.tiles)
        encoding = tiled.encode_detached()
    terms = _loss_terms(model, encoding, problem, settings, draws)
    weights = settings.losses
    total = weights.zinb * terms[0] + weights.contrastive * terms[1] + weights.regulariser * terms[2]
    total.backward()
    if tiled is not None:
        tiled.backward(encoding)
    return torch.stack([*terms, total]).detach()


def _loss_terms(
    model: Stmfg, encoding: Encoding, problem: Problem, settings: Settings, draws: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """ZINB, contrastive and regulariser; a term of weight 0 is not computed and counts as 0."""
    losses, nothing = settings.losses, encoding.z.sum() * 0
    device = encoding.z.device
    zinb = contrastive = regulariser = nothing
    if losses.zinb:
        genes = _draw(draws, problem.n_genes, losses.genes_per_step, device)
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
        contrastive = _contrastive(encoding.per_view, settings, draws)
    if losses.regulariser:
        regulariser = spatial_regulariser(normalize(encoding.z, dim=1), problem.edges, losses.reg_balance)
    return zinb, contrastive, regulariser


def _contrastive(per_view: Sequence[Tensor], settings: Settings, draws: np.random.Generator) -> Tensor:
    """Mean over the pairs of views; with two views the paper's Eq. 6."""
    losses = settings.losses
    units = [normalize(view, dim=1) for view in per_view]
    n_spots, device = len(units[0]), units[0].device
    mode = choose_mode(losses.contrastive_mode, n_spots, losses.n_negatives, device)
    negatives = _draw(draws, n_spots, losses.n_negatives, device) if mode == "sampled" else None
    if negatives is None:  # exact, or as many negatives as there are spots
        pair_loss = contrastive_exact
        extra = (losses.temperature,)
    else:
        pair_loss, extra = contrastive_sampled, (losses.temperature, negatives)
    pairs = [(a, b) for a in range(len(units)) for b in range(a + 1, len(units))]
    return sum(pair_loss(units[a], units[b], *extra) for a, b in pairs) / len(pairs)


def _draw(draws: np.random.Generator, n: int, size: int, device) -> Tensor | None:
    """`size` distinct indices below n in ascending order; None stands for all of them."""
    if not 0 < size < n:
        return None
    return torch.as_tensor(np.sort(draws.choice(n, size, replace=False))).to(device)


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
