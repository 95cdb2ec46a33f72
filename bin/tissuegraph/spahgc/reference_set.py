"""Sequenced slices made ready to serve targets. Nothing here knows of a target's expression.

S slices of N_s spots each, F image features, M panel genes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add, sub

import numpy as np
import torch
from scipy import sparse
from torch_geometric.data import HeteroData

from tissuegraph.spahgc.baselines import Products, Ridge, RidgePath, Tuning, knn_path, mean_prediction
from tissuegraph.spahgc.graph import Plan, References, hetero_data, plan_graphs
from tissuegraph.spahgc.likeness import similarity
from tissuegraph.spahgc.model import Spahgc
from tissuegraph.spahgc.panel import log_expression
from tissuegraph.spahgc.scaling import ImageScaling, Scaling, fit_image_scaling, fit_scaling
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice
from tissuegraph.spahgc.training import GraphSource, predict

KEEP_SPOTS = 50_000  # up to so many, graphs keep their features between epochs


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """What a target needs of its references.

    names: (S,); genes: (M,)
    images: (N_s, F) float32 each, scaled by image_scaling, for network and retrieval
    plain_images: the same by plain_scaling, for the baselines, which get scaled features in any case
    expression: CSR (N_s, M) float32 each, log-normalised; scaling: to the network's scale
    products: of plain_images and expression, summed over the slices
    """

    names: tuple[str, ...]
    genes: np.ndarray
    images: list[np.ndarray]
    plain_images: list[np.ndarray]
    expression: list[sparse.csr_matrix]
    products: Products
    scaling: Scaling
    image_scaling: ImageScaling
    plain_scaling: ImageScaling
    settings: Settings

    @classmethod
    def of(cls, slices: Sequence[HistologySlice], genes: np.ndarray, settings: Settings) -> ReferenceSet:
        """From slices with counts, which have all of the genes."""
        rule = settings.features.scale
        originals = [each.image for each in slices]
        image_scaling = fit_image_scaling(originals, rule)
        plain_scaling = fit_image_scaling(originals, "references") if rule == "none" else image_scaling
        images = [image_scaling.apply(each) for each in originals]
        plain = [plain_scaling.apply(each) for each in originals] if rule == "none" else images
        expression = [log_expression(each, genes, settings.panel) for each in slices]
        return cls(
            names=tuple(each.name for each in slices),
            genes=genes,
            images=images,
            plain_images=plain,
            expression=expression,
            products=reduce(add, map(Products.of, plain, expression)),
            scaling=fit_scaling(expression, settings.panel.scale),
            image_scaling=image_scaling,
            plain_scaling=plain_scaling,
            settings=settings,
        )

    @property
    def n_features(self) -> int:
        return self.images[0].shape[1]

    def without(self, places: Sequence[int]) -> ReferenceSet:
        """The other slices, on the scales of all."""
        kept = [place for place in range(len(self.names)) if place not in places]
        chosen = {
            name: [getattr(self, name)[place] for place in kept]
            for name in ("images", "plain_images", "expression")
        }
        names = tuple(self.names[place] for place in kept)
        shared = ("genes", "scaling", "image_scaling", "plain_scaling", "settings")
        left_out = (Products.of(self.plain_images[place], self.expression[place]) for place in places)
        return ReferenceSet(
            names=names,
            products=reduce(sub, left_out, self.products),
            **chosen,
            **{name: getattr(self, name) for name in shared},
        )

    @cached_property
    def served(self) -> References:
        """As graphs read them."""
        return References(self.images, self.expression, self.scaling)

    @cached_property
    def ridge_path(self) -> RidgePath:
        return RidgePath(self.products)

    def base(self, plain_image: np.ndarray, tuning: Tuning) -> np.ndarray | None:
        """The prediction that the network starts from, (N, M) log-normalised; None where it starts from none.

        plain_image: (N, F) of the target, scaled by plain_scaling.
        """
        found = []
        if tuning.start in ("ridge", "blend"):
            found.append(self.ridge(tuning).predict(plain_image))
        if tuning.start in ("knn", "blend"):
            found += knn_path(self.plain_images, self.expression, plain_image, [tuning.neighbours])
        return sum(found) / np.float32(len(found)) if found else None

    def ridge(self, tuning: Tuning) -> Ridge:
        return self.ridge_path.with_penalty(tuning.penalty)

    def baselines(self, plain_image: np.ndarray, tuning: Tuning) -> dict[str, np.ndarray]:
        """mean, knn and ridge of a target, (N, M) log-normalised."""
        (knn,) = knn_path(self.plain_images, self.expression, plain_image, [tuning.neighbours])
        return {
            "mean": mean_prediction(self.expression, len(plain_image)),
            "knn": knn,
            "ridge": self.ridge(tuning).predict(plain_image),
        }

    def similarity(self, image: np.ndarray, device: torch.device) -> np.ndarray:
        """Mean cosine of each tile (N, F), as encoded, to as many references as serve it: (N,) float32."""
        return similarity(self.image_scaling.apply(image), self.images, self.settings.graph.cs_k, device)

    def predictor(
        self, position: np.ndarray, image: np.ndarray, tuning: Tuning, device: torch.device
    ) -> Callable[[Spahgc], np.ndarray]:
        """A function from a network to the (N, M) log-normalised prediction of a target.

        position: (N, 2), image: (N, F) as encoded. Graphs are made once for all networks.
        """
        scaled, plain = self.image_scaling.apply(image), self.plain_scaling.apply(image)
        base = self.base(plain, tuning)
        keep = len(image) <= KEEP_SPOTS
        parts = [
            (plan, graph_source(plan, scaled, self.served, base=base, device=device, keep=keep))
            for plan in plans_for(position, scaled, self.served, self.settings, tuning, device)
        ]

        def prediction(network: Spahgc) -> np.ndarray:
            predicted = np.empty((len(image), len(self.genes)), dtype=np.float32)
            for plan, source in parts:
                predicted[plan.spots[plan.inner]] = self.scaling.backward(predict(network, source()))
            return predicted

        return prediction


def plans_for(
    position: np.ndarray,
    image: np.ndarray,
    references: References,
    settings: Settings,
    tuning: Tuning,
    device: torch.device,
) -> list[Plan]:
    """Graphs as indices that cover one slice; image: (N, F) scaled like the references."""
    graph = settings.graph if tuning.served else replace(settings.graph, cs_k=0)
    return plan_graphs(position, image, references, graph, layers=settings.model.layers, device=device)


def graph_source(plan: Plan, image, references: References, *, keep: bool, **features) -> GraphSource:
    """Gathers the graph's features when it is its turn; keep: once and for all."""

    def gather() -> HeteroData:
        return hetero_data(plan, image, references, **features)

    if not keep:
        return gather
    kept = gather()
    return lambda: kept
