"""Training of SpaHGC's network on the graphs of the reference slices. No target is known here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch_geometric.data import HeteroData

from tissuegraph.nn.optimiser import Adam
from tissuegraph.nn.random import drawing_from, generator
from tissuegraph.spahgc.losses import pearson_loss, view_agreement
from tissuegraph.spahgc.masking import CLEAN, draw_views
from tissuegraph.spahgc.model import REFERENCE, TARGET, Spahgc
from tissuegraph.spahgc.settings import Settings

TERMS = ("mse", "pcc", "contrast_target", "contrast_reference", "total")
GraphSource = Callable[[], HeteroData]  # gathers a graph's features when it is its turn
Look = Callable[[int, Spahgc], None]  # epochs done, network


@dataclass(frozen=True, eq=False)
class Trained:
    """A network after its last epoch, and the mean of each unweighted loss term per epoch."""

    network: Spahgc
    losses: dict[str, list[float]]


def build_network(settings: Settings, n_features: int, n_genes: int, seed: int) -> Spahgc:
    """A freshly initialised network; the same on every device, without touching global state."""
    with drawing_from(generator(seed)):
        return Spahgc(settings.model, n_features, n_genes, generator(seed))


def train_network(
    graphs: Sequence[GraphSource],
    settings: Settings,
    *,
    n_features: int,
    n_genes: int,
    epochs: int,
    seed: int,
    device: torch.device,
    look: Look | None = None,
    every: int = 1,
) -> Trained:
    """One step per graph and epoch, in random order. Same seed and threads give the same bits on a CPU.

    look: called before the first epoch, after each `every` epochs and after the last one.
    """
    network = build_network(settings, n_features, n_genes, seed).to(device)
    frozen = None
    if settings.losses.second_encoder == "frozen":  # built again: generators cannot be copied
        frozen = build_network(settings, n_features, n_genes, seed).to(device).requires_grad_(False).eval()
    chosen = settings.optimiser
    optimiser = Adam(
        network.parameters(),
        lr=chosen.lr,
        weight_decay=chosen.weight_decay,
        decoupled=chosen.name == "adamw",
    )
    draws = generator(seed)
    losses: dict[str, list[float]] = {term: [] for term in TERMS}
    for epoch in range(epochs + 1):
        if look is not None and (epoch % every == 0 or epoch == epochs):
            network.eval()
            look(epoch, network)
        if epoch == epochs:
            break
        network.train()
        found = []
        for place in torch.randperm(len(graphs), generator=draws).tolist():
            terms = loss_terms(network, graphs[place](), settings, draws, frozen)
            optimiser.zero_grad()
            terms["total"].backward()
            optimiser.step()
            found.append(torch.stack([terms[term].detach() for term in TERMS]))  # (read later: a GPU goes on)
        for term, values in zip(TERMS, torch.stack(found, dim=1).tolist(), strict=True):
            losses[term].append(float(np.mean(values)))
    return Trained(network.eval(), losses)


def loss_terms(
    network: Spahgc,
    graph: HeteroData,
    settings: Settings,
    draws: torch.Generator,
    frozen: Spahgc | None = None,
) -> dict[str, torch.Tensor]:
    """The four terms on one graph's inner targets, and `total`, weighted (SpaHGC 4.7)."""
    weights = settings.losses
    target, reference = graph[TARGET].x, graph[REFERENCE].x
    view1, view2 = draw_views(
        (tuple(target.shape), tuple(reference.shape)), settings.masking, draws, target.device
    )
    contrasts = weights.contrast_target > 0 or weights.contrast_reference > 0
    both = weights.predict_from == "both"
    first = network.encode(graph, view1) if contrasts or weights.predict_from != "clean" else None
    second = None
    if both or contrasts:
        with torch.set_grad_enabled(both and frozen is None):
            second = (frozen or network).encode(graph, view2)
    if weights.predict_from == "clean":
        shown = [network.encode(graph, CLEAN)]
    else:
        shown = [first, second if frozen is None else network.encode(graph, view2)] if both else [first]
    inner = graph[TARGET].inner
    measured = graph[TARGET].y[inner]
    predicted = [network.decode(each, graph)[inner] for each in shown]
    terms = {
        "mse": sum((each - measured).square().mean() for each in predicted) / len(predicted),
        "pcc": sum(pearson_loss(each, measured, weights.pcc_eps) for each in predicted) / len(predicted),
        "contrast_target": _contrast(first, second, "target", both and frozen is None, measured),
        "contrast_reference": _contrast(first, second, "reference", both and frozen is None, measured),
    }
    return terms | {"total": sum(getattr(weights, term) * value for term, value in terms.items())}


@torch.no_grad()
def predict(network: Spahgc, graph: HeteroData) -> np.ndarray:
    """Prediction for the inner targets from unmasked features, on the network's scale: (n_inner, M)."""
    network.eval()
    return network(graph)[graph[TARGET].inner].cpu().numpy()


def _contrast(first, second, kind: str, symmetric: bool, like: torch.Tensor) -> torch.Tensor:
    """Agreement of the two views, the second without gradient; both ways where both are trained.

    Where there are no two views: 0, where the tensor `like` is.
    """
    if first is None or second is None:
        return like.new_zeros(())
    a, b = getattr(first, kind), getattr(second, kind)
    if not symmetric:
        return view_agreement(a, b)
    return (view_agreement(a, b) + view_agreement(b, a)) / 2
