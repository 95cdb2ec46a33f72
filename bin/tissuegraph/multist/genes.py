"""Training of MultiST's gene branch on one slice: masked graph auto-encoder with an adversary.

N spots, D input features, L latent width, K cluster centres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from tissuegraph.multist.losses import (
    MMD_ROWS,
    EdgeList,
    clustering_loss,
    draw_pairs,
    edge_loss,
    mean_distance,
    mmd,
    scaled_cosine_error,
    soft_assignment,
    target_distribution,
    unit_variance_kl,
)
from tissuegraph.multist.model import Critic, GeneEncoding, GeneNetwork, Generator, adversary_width
from tissuegraph.multist.settings import Adversary, Settings
from tissuegraph.nn.optimiser import Adam
from tissuegraph.nn.progress import StageProgress, Teller
from tissuegraph.nn.sparse import SparseOperator, sparse_operator
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import normalise_adjacency

TERMS = ("reconstruction", "graph", "masked", "adversarial", "dec")
PENALTY_WEIGHT = 10.0  # of the critic's gradient penalty (Gulrajani et al. 2017)
TARGET_EVERY = 20  # epochs between refreshes of the clustering target


@dataclass(frozen=True, eq=False)
class GeneData:
    """What stays the same over seeds and epochs, on the device."""

    x: Tensor  # (N, D), total variance D
    adjacency: SparseOperator  # A~ (N, N)
    edges: EdgeList


def gene_data(arrays: SliceArrays, device: torch.device) -> GeneData:
    """Scale the input by one factor (components keep their proportions) and put the graph on the device."""
    features = arrays.features.toarray() if sparse.issparse(arrays.features) else arrays.features
    centred = features - features.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(np.square(centred).mean())
    x = torch.as_tensor(centred / (scale if scale > 0 else 1.0), dtype=torch.float32).to(device)
    adjacency = normalise_adjacency(arrays.spatial, "sym", np.float64)
    return GeneData(x, sparse_operator(adjacency, symmetric=True, device=device), edge_list(arrays, device))


def edge_list(arrays: SliceArrays, device: torch.device) -> EdgeList:
    """All edges of the spatial graph and one loop per spot."""
    looped = sparse.coo_matrix(arrays.spatial + sparse.identity(arrays.n_spots, dtype=bool, format="csr"))
    key = np.sort(looped.row.astype(np.int64) * arrays.n_spots + looped.col)
    first, second = np.divmod(key, arrays.n_spots)
    return EdgeList(*(torch.as_tensor(part).to(device) for part in (first, second, key)), arrays.n_spots)


class GeneTrainer:
    """One seed's gene branch; whatever is random in it comes from `draws`."""

    def __init__(self, data: GeneData, settings: Settings, draws: torch.Generator):
        self.data, self.settings, self.draws = data, settings, draws
        device = data.x.device
        self.network = GeneNetwork(settings.genes, data.x.shape[1], draws).to(device)
        self.adversary = None
        if settings.losses.adversarial:
            width = adversary_width(settings.adversary, self.network)
            self.adversary = AdversaryTrainer(settings.adversary, width, device, draws)
        self.centres: Tensor | None = None
        self.target: Tensor | None = None

    @torch.no_grad()
    def embed(self) -> Tensor:
        """z (N, 2L) of the unmasked slice, without dropout."""
        self.network.eval()
        return self.network.encode(self.data.x, self.data.adjacency).z

    def train(self, progress: StageProgress | None = None) -> list[dict[str, float]]:
        """Both stages; the unweighted terms and the weighted `total` of each epoch."""
        curves = self._epochs(self.settings.optimiser.epochs, progress)
        if self.settings.genes.dec_clusters and self.settings.genes.dec_epochs:
            self.place_centres()
            curves += self._epochs(self.settings.genes.dec_epochs, progress)
        return curves

    def _epochs(self, n_epochs: int, progress: StageProgress | None) -> list[dict[str, float]]:
        chosen = self.settings.optimiser
        parameters = [*self.network.parameters(), *([] if self.centres is None else [self.centres])]
        optimiser = Adam(parameters, lr=chosen.lr, weight_decay=chosen.weight_decay)
        curves: list[dict[str, Tensor]] = []
        teller = Teller(n_epochs)
        for epoch in range(n_epochs):
            if self.centres is not None and epoch % TARGET_EVERY == 0:
                self.target = target_distribution(soft_assignment(self.embed(), self.centres.detach()))
            optimiser.zero_grad()
            terms = self.loss(epoch)
            terms["total"].backward()
            optimiser.step()
            curves.append({name: value.detach() for name, value in terms.items()})
            if progress and teller.due(epoch + 1):
                progress(epoch + 1, n_epochs, float(curves[-1]["total"]))
        return [{name: float(value) for name, value in terms.items()} for terms in curves]

    def loss(self, epoch: int) -> dict[str, Tensor]:
        """The terms of TERMS and `total`; one of weight 0 is not computed and counts as 0."""
        self.network.train()
        data, weights, network = self.data, self.settings.losses, self.network
        masked = None
        if network.token is not None:
            drawn = torch.rand(len(data.x), generator=self.draws)
            masked = (drawn < self.settings.genes.mask_rate).to(data.x.device)
        encoding = network.encode(data.x, data.adjacency, masked)
        terms = dict.fromkeys(TERMS, encoding.z.sum() * 0)
        if weights.reconstruction:
            terms["reconstruction"] = (encoding.reconstructed - data.x).pow(2).mean()
        if weights.graph:
            pairs = draw_pairs(data.edges, weights.pairs_per_step, self.draws)
            terms["graph"] = edge_loss(encoding.z, pairs, data.edges.norm) + unit_variance_kl(encoding.mean)
        if weights.masked and self.target is None:
            shown = slice(None) if masked is None or not masked.any() else masked
            terms["masked"] = scaled_cosine_error(encoding.reconstructed[shown], data.x[shown])
        if self.adversary is not None and epoch >= self.settings.adversary.start:
            terms["adversarial"] = self._adversarial(encoding, epoch)
        if weights.dec and self.target is not None:
            terms["dec"] = clustering_loss(self.target, soft_assignment(encoding.z, self.centres))
        terms["total"] = sum(getattr(weights, name) * terms[name] for name in TERMS)
        return terms

    def _adversarial(self, encoding: GeneEncoding, epoch: int) -> Tensor:
        data, adversary = self.data, self.adversary
        in_latent = self.settings.adversary.space == "latent"
        real = encoding.z if in_latent else data.x
        if epoch % self.settings.adversary.every == 0:
            adversary.update(real.detach())
        rows = _some_rows(len(data.x), data.x.device, self.draws)
        with torch.no_grad():
            generated = adversary.generator(len(rows) if in_latent else len(data.x), data.x.device)
        if in_latent:
            return adversary.distance(encoding.z[rows], generated)
        # The released code compares with the real latents as constants: only generated input is encoded.
        encoded = self.network.encode(generated, data.adjacency).z
        return adversary.distance(encoding.z[rows].detach(), encoded[rows])

    def place_centres(self) -> None:
        """k-means on the embedding of the first stage."""
        from sklearn.cluster import KMeans  # here, because it costs seconds to import

        z = self.embed().cpu().numpy()
        seed = int(torch.randint(2**31 - 1, (1,), generator=self.draws))
        n_centres = min(self.settings.genes.dec_clusters, len(z))
        fitted = KMeans(n_centres, n_init=20, random_state=seed).fit(z)
        self.centres = torch.as_tensor(fitted.cluster_centers_, dtype=torch.float32).to(self.data.x.device)
        self.centres.requires_grad_()


class AdversaryTrainer:
    """Generator and critic, each with its own optimiser."""

    def __init__(self, settings: Adversary, width: int, device: torch.device, draws: torch.Generator):
        self.settings, self.draws = settings, draws
        self.generator, self.critic = Generator(width, draws).to(device), Critic(width, draws).to(device)
        self.distance = mmd if settings.distance == "rbf" else mean_distance
        step = {"lr": settings.lr, "betas": (0.5, 0.9)}  # as is usual with a gradient penalty
        self.optimisers = [Adam(part.parameters(), **step) for part in (self.critic, self.generator)]

    def update(self, real: Tensor) -> None:
        """Steps of the critic, then one of the generator. real: (N, width), constant."""
        by_critic, by_generator = self.optimisers
        for _ in range(self.settings.critic_steps):
            shown = real[_some_rows(len(real), real.device, self.draws)]
            _descend(by_critic, self.critic_loss(shown))
            if self.settings.constraint == "clip":
                self.critic.clip()
        _descend(by_generator, self.generator_loss(shown))

    def critic_loss(self, real: Tensor) -> Tensor:
        """Score of generated samples less that of real ones, with the penalty where that is chosen."""
        generated = self.generator(len(real), real.device).detach()
        loss = self.critic(generated).mean() - self.critic(real).mean()
        if self.settings.constraint == "penalty":
            loss = loss + PENALTY_WEIGHT * self.critic.gradient_penalty(real, generated)
        return loss

    def generator_loss(self, real: Tensor) -> Tensor:
        """Generated samples should score high."""
        return -self.critic(self.generator(len(real), real.device)).mean()


def _descend(optimiser: Adam, value: Tensor) -> None:
    """One step of one of the two; the other's parameters gather nothing."""
    parts = torch.autograd.grad(value, optimiser.parameters, allow_unused=True)
    for parameter, gradient in zip(optimiser.parameters, parts, strict=True):
        parameter.grad = gradient
    optimiser.step()


def _some_rows(n_rows: int, device: torch.device, draws: torch.Generator) -> Tensor:
    """At most MMD_ROWS distinct rows."""
    if n_rows <= MMD_ROWS:
        return torch.arange(n_rows, device=device)
    return torch.randperm(n_rows, generator=draws)[:MMD_ROWS].to(device)
