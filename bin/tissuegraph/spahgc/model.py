"""SpaHGC: a graph of target and reference spots with attention across the two (arXiv 2603.22821).

Notation: n target spots, R reference spots, F image features, M genes, D latent dimensions. Edges:
TS (target near target), RS (reference near reference), CS (reference serves target, and back).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, MessagePassing, SAGEConv
from torch_geometric.utils import softmax

from tissuegraph.nn.random import Dropout
from tissuegraph.spahgc.masking import CLEAN, View
from tissuegraph.spahgc.settings import Model

TARGET, REFERENCE = "target", "reference"
TS = (TARGET, "near", TARGET)
RS = (REFERENCE, "near", REFERENCE)
SERVES = (REFERENCE, "serves", TARGET)
ASKS = (TARGET, "asks", REFERENCE)
SLOPE = 0.2  # of every LeakyReLU, as in the authors' code


@dataclass(frozen=True, eq=False)
class Encoding:
    """Latent spots after the last layer: target (n, D), reference (R, D)."""

    target: Tensor
    reference: Tensor


class CrossAttention(MessagePassing):
    """Multi-head attention along the edges from one kind of node to the other.

    a = softmax_j( LeakyReLU( q_i . k_j / sqrt(D / heads) ) ),  out_i = W_o sum_j a_ij v_j

    The slope of the LeakyReLU is `settings.attention_slope`; 1 leaves the scores as they are (the paper's
    form). out: whether there is a W_o; draws: for dropout of the weights a.
    """

    def __init__(self, settings: Model, n_source: int, n_target: int, draws: torch.Generator, *, out: bool):
        super().__init__(aggr="add", node_dim=0)
        width = settings.width
        self.heads, self.slope = settings.heads, settings.attention_slope
        self.drop = Dropout(settings.attention_dropout, draws)
        self.query = nn.Linear(n_target, width, bias=False)
        self.key = nn.Linear(n_source, width, bias=False)
        self.value = nn.Linear(n_source, width, bias=False)
        self.out = nn.Linear(width, width, bias=False) if out else nn.Identity()

    def forward(self, x: tuple[Tensor, Tensor], edge_index: Tensor) -> Tensor:
        """x: sending (S, n_source) and receiving (T, n_target) nodes; edge_index (2, E). Gives (T, width)."""
        source, receiving = x
        by_head = (-1, self.heads, self.query.out_features // self.heads)
        attended = self.propagate(
            edge_index,
            query=self.query(receiving).view(by_head),
            key=self.key(source).view(by_head),
            value=self.value(source).view(by_head),
            size=(len(source), len(receiving)),
        )
        return self.out(attended.flatten(1))

    def message(self, query_i: Tensor, key_j: Tensor, value_j: Tensor, index: Tensor, size_i: int) -> Tensor:
        score = (query_i * key_j).sum(-1) / math.sqrt(query_i.shape[-1])  # (E, heads)
        weight = softmax(leaky_relu(score, self.slope), index, num_nodes=size_i)
        return self.drop(weight)[:, :, None] * value_j


class DualAttention(nn.Module):
    """CNDA along one direction of CS. The reference end carries its expression beside its latent vector."""

    def __init__(self, settings: Model, draws: torch.Generator, *, to_target: bool):
        super().__init__()
        width = settings.width
        self.to_target = to_target
        self.norm = nn.LayerNorm(width)
        ends = (2 * width, width) if to_target else (width, 2 * width)
        self.attention = CrossAttention(settings, *ends, draws, out=True)

    def forward(self, x: tuple[Tensor, Tensor], edge_index: Tensor, side: Tensor) -> Tensor:
        """side: (R, D), expression of the references."""
        source, receiving = x
        if self.to_target:
            source = torch.cat([source, self.norm(side)], 1)  # [x_r || e~_r]
        else:
            receiving = torch.cat([receiving, self.norm(side)], 1)
        return self.attention((source, receiving), edge_index)


class Averaged(nn.Module):
    """Ablation without CNDA: the mean of the neighbours along CS; the expression side-channel is not used."""

    def __init__(self, settings: Model):
        super().__init__()
        self.conv = SAGEConv((settings.width, settings.width), settings.width)

    def forward(self, x: tuple[Tensor, Tensor], edge_index: Tensor, side: Tensor) -> Tensor:
        return self.conv(x, edge_index)


class Spahgc(nn.Module):
    """Encoder, pooling (CNAP) and head. n_features: F; n_genes: M; draws: for dropout."""

    def __init__(self, settings: Model, n_features: int, n_genes: int, draws: torch.Generator):
        super().__init__()
        width = settings.width
        self.settings, self.n_features = settings, n_features
        self.embed_target = nn.Linear(n_features, width, bias=False)
        self.embed_reference = nn.Linear(n_features + n_genes, width, bias=False)
        self.embed_side = nn.Linear(n_genes, width, bias=False)
        self.shared = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            Dropout(settings.dropout, draws),
            nn.Linear(width, width, bias=False),
            nn.LayerNorm(width),
            nn.LeakyReLU(SLOPE),
        )
        self.layers = nn.ModuleList(_layer(settings, draws) for _ in range(settings.layers))
        self.latent = nn.Linear(width, width, bias=False)  # W_h
        self.pool = CrossAttention(settings, width, width, draws, out=False)
        hidden = [nn.Linear(width, width), nn.LeakyReLU(SLOPE)] if settings.head == "mlp" else []
        self.head = nn.Sequential(*hidden, nn.Linear(width, n_genes))
        if settings.base != "none":  # the first prediction is the base itself
            nn.init.zeros_(self.head[-1].weight)
            nn.init.zeros_(self.head[-1].bias)

    def encode(self, graph: HeteroData, view: View = CLEAN) -> Encoding:
        """graph: x of target (n, F) and of reference (R, F + M), and edges; view: what is shown of them."""
        target, reference = graph[TARGET].x, graph[REFERENCE].x
        if view.target is not None:
            target = target * view.target
        if view.reference is not None:
            reference = reference * view.reference
        side = leaky_relu(self.embed_side(reference[:, self.n_features :]), SLOPE)  # e_r, (R, D)
        x = {
            TARGET: self.shared(self.embed_target(target)),
            REFERENCE: self.shared(self.embed_reference(reference)),
        }
        edges = {kind: graph[kind].edge_index for kind in graph.edge_types}  # {}: one spot, by itself
        across = {kind: side for kind in (SERVES, ASKS) if kind in edges}
        for layer in self.layers:
            received = layer(x, edges, side_dict=across)
            x = {kind: self._update(old, received.get(kind)) for kind, old in x.items()}
        return Encoding(x[TARGET], x[REFERENCE])

    def decode(self, encoding: Encoding, graph: HeteroData) -> Tensor:
        """Predicted expression of the targets on the network's scale, (n, M)."""
        pooled = self.latent(encoding.target)  # L_hat
        if self.settings.pooling and SERVES in graph.edge_types:
            pooled = pooled + self.pool((encoding.reference, pooled), graph[SERVES].edge_index)  # + H_hat
        predicted = self.head(pooled)
        return predicted if self.settings.base == "none" else graph[TARGET].base + predicted

    def forward(self, graph: HeteroData, view: View = CLEAN) -> Tensor:
        return self.decode(self.encode(graph, view), graph)

    def _update(self, old: Tensor, received: Tensor | None) -> Tensor:
        """A node without any message keeps its state."""
        if received is None:
            return old
        new = leaky_relu(received, SLOPE)
        return old + new if self.settings.residual else new


def _layer(settings: Model, draws: torch.Generator) -> HeteroConv:
    """Each kind of node averages what it receives: targets from TS and CS, references from RS and CS."""
    width = settings.width
    across = {
        SERVES: DualAttention(settings, draws, to_target=True),
        ASKS: DualAttention(settings, draws, to_target=False),
    }
    if settings.attention == "mean":
        across = {SERVES: Averaged(settings), ASKS: Averaged(settings)}
    within = {TS: SAGEConv(width, width), RS: SAGEConv(width, width)}
    return HeteroConv(within | across, aggr="mean")
