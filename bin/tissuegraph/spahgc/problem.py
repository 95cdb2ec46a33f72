"""One training set and its targets, made ready: scaling, image features, baselines, graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from torch_geometric.data import HeteroData

from tissuegraph.spahgc.baselines import (
    NEIGHBOURS,
    PENALTIES,
    knn_predictions,
    mean_prediction,
    ridge_predictions,
)
from tissuegraph.spahgc.folds import at_least_two, owner_of
from tissuegraph.spahgc.graph import Plan, References, hetero_data, plan_graphs
from tissuegraph.spahgc.model import Spahgc
from tissuegraph.spahgc.panel import fit_scaling, log_expression, scale_images
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice
from tissuegraph.spahgc.training import GraphSource, predict

_KEEP_SPOTS = 50_000  # training spots up to which graphs keep their features between epochs


@dataclass(frozen=True)
class Tuning:
    """Chosen on inner validation: neighbours of the kNN baseline, penalty of the ridge, starting point."""

    neighbours: int
    penalty: float
    start: str = "none"  # none, knn, ridge or blend


class Problem:
    """Training slices with counts, target slices of which only image and positions are read.

    Everything derived from expression comes from `training`. A single training slice is cut into halves.
    """

    def __init__(
        self,
        training: Sequence[HistologySlice],
        targets: Sequence[HistologySlice],
        genes: np.ndarray,
        settings: Settings,
        *,
        by: str,
        device: torch.device,
    ):
        self.settings, self.by, self.device, self.genes = settings, by, device, genes
        self.training = at_least_two(training)
        self.targets = [target.without_counts() for target in targets]
        self.expression = [log_expression(each, genes, settings.panel) for each in self.training]
        self.scaling = fit_scaling(self.expression, settings.panel.scale)
        originals = [each.image for each in self.training], [each.image for each in self.targets]
        self.images, self.target_images = scale_images(*originals, settings.features.scale)
        if settings.features.scale == "none":  # baselines get scaled features in any case
            originals = scale_images(*originals, "references")
        else:
            originals = self.images, self.target_images
        self.plain_images, self.plain_target_images = originals

    @property
    def n_features(self) -> int:
        return self.images[0].shape[1]

    @cached_property
    def _everything(self) -> tuple[np.ndarray, np.ndarray]:
        return np.concatenate(self.plain_images), _dense(self.expression)

    def ridge_path(self) -> list[list[np.ndarray]]:
        """For each target the prediction with every penalty."""
        image, expression = self._everything
        return [ridge_predictions(image, expression, each, PENALTIES) for each in self.plain_target_images]

    def knn_path(self) -> list[list[np.ndarray]]:
        """For each target the prediction with every number of neighbours."""
        image, expression = self._everything
        return [knn_predictions(image, expression, each, NEIGHBOURS) for each in self.plain_target_images]

    def baselines(self, tuning: Tuning) -> list[dict[str, np.ndarray]]:
        """mean, knn and ridge of each target, (N, M) log-normalised."""
        image, expression = self._everything
        return [
            {
                "mean": mean_prediction(expression, len(each)),
                "knn": knn_predictions(image, expression, each, [tuning.neighbours])[0],
                "ridge": ridge_predictions(image, expression, each, [tuning.penalty])[0],
            }
            for each in self.plain_target_images
        ]

    def training_graphs(self, tuning: Tuning) -> list[GraphSource]:
        """Each training slice as the target of the others; a base prediction comes from those others too."""
        sources = []
        keep = sum(each.n_spots for each in self.training) <= _KEEP_SPOTS
        for place, piece in enumerate(self.training):
            others = self.others_of(place)
            base = self._base(others, self.plain_images[place], tuning)
            references = self._references(others)
            for plan in self._plans(piece.position, self.images[place], references):
                sources.append(
                    _source(
                        plan,
                        self.images[place],
                        references,
                        base=base,
                        measured=self.expression[place],
                        device=self.device,
                        keep=keep,
                    )
                )
        return sources

    def target_predictor(self, tuning: Tuning) -> Callable[[Spahgc], list[np.ndarray]]:
        """A function from a network to the (N, M) log-normalised predictions of all targets."""
        everyone = list(range(len(self.training)))
        references = self._references(everyone)
        prepared = []
        for target, image, plain in zip(
            self.targets, self.target_images, self.plain_target_images, strict=True
        ):
            base = self._base(everyone, plain, tuning)
            plans = self._plans(target.position, image, references)
            keep = len(image) <= _KEEP_SPOTS
            sources = [
                _source(plan, image, references, base=base, device=self.device, keep=keep) for plan in plans
            ]
            prepared.append((len(image), list(zip(plans, sources, strict=True))))

        def predict_all(network: Spahgc) -> list[np.ndarray]:
            results = []
            for n_spots, parts in prepared:
                predicted = np.empty((n_spots, len(self.genes)), dtype=np.float32)
                for plan, source in parts:
                    found = predict(network, source())
                    predicted[plan.spots[plan.inner]] = self.scaling.backward(found)
                results.append(predicted)
            return results

        return predict_all

    def others_of(self, place: int) -> list[int]:
        """Training slices that serve this one: of other patients where patients are held out."""
        own = owner_of(self.training[place], self.by)
        others = [i for i in range(len(self.training)) if i != place]
        strangers = [i for i in others if owner_of(self.training[i], self.by) != own]
        return strangers or others

    def _references(self, chosen: Sequence[int]) -> References:
        return References(
            [self.images[i] for i in chosen], [self.expression[i] for i in chosen], self.scaling
        )

    def _base(self, chosen: Sequence[int], targets: np.ndarray, tuning: Tuning) -> np.ndarray | None:
        if tuning.start == "none":
            return None
        image = np.concatenate([self.plain_images[i] for i in chosen])
        expression = _dense([self.expression[i] for i in chosen])
        found = []
        if tuning.start in ("ridge", "blend"):
            found += ridge_predictions(image, expression, targets, [tuning.penalty])
        if tuning.start in ("knn", "blend"):
            found += knn_predictions(image, expression, targets, [tuning.neighbours])
        return sum(found) / len(found)

    def _plans(self, position: np.ndarray, image: np.ndarray, references: References) -> list[Plan]:
        return plan_graphs(
            position,
            image,
            references,
            self.settings.graph,
            layers=self.settings.model.layers,
            device=self.device,
        )


def _source(plan: Plan, image, references, *, keep: bool, **features) -> GraphSource:
    def gather() -> HeteroData:
        return hetero_data(plan, image, references, **features)

    if not keep:
        return gather
    kept = gather()
    return lambda: kept


def _dense(expression: Sequence[sparse.csr_matrix]) -> np.ndarray:
    return np.concatenate([each.toarray() for each in expression])
