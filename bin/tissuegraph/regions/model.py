"""A fitted model of regions: what it knows, and what it says of a section.

N spots, D components, C regions, M members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tissuegraph.cohorts.components import Loadings
from tissuegraph.io.stored import StoredSlice
from tissuegraph.regions.ensemble import pool
from tissuegraph.regions.image import ImageModel
from tissuegraph.regions.members import IMAGE, MEMBERS, NETWORK, SEVERAL
from tissuegraph.regions.offsets import ClassModel, estimate_offset
from tissuegraph.regions.sections import N_NEAREST_DISTANCE, Components, Ground, components_of, nearby
from tissuegraph.stmfg.joint import arrays_of
from tissuegraph.stmfg.sections import SectionEncoder

LEVEL = 0.8  # probability from which a spot is called
UNSURE = -1


@dataclass(frozen=True, eq=False)
class RegionModel:
    """What the teachers taught.

    names: C regions; members: what each member knows, by name (`lda`, `lda_hops`, ...); networks: one per
    seed; weights: of the members, sum 1; temperature: of the calibration, 1 where nothing was left out;
    threshold: of the smoothed distance above which a spot is novel; about: whatever is told about the model
    (JSON-able).
    """

    names: tuple[str, ...]
    loadings: Loadings
    classes: ClassModel
    members: Mapping[str, Mapping[str, np.ndarray]]
    networks: Sequence[SectionEncoder]
    image: ImageModel | None
    weights: Mapping[str, float]
    temperature: float = 1.0
    threshold: float = float("inf")
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of a section.

    posterior (N, C), calibrated; distance (N,): smoothed Mahalanobis distance to the nearest region;
    by_member: posteriors before pooling; offset (D,) of the section; shares (C,) of the regions, as
    estimated.
    """

    posterior: np.ndarray
    distance: np.ndarray
    by_member: Mapping[str, np.ndarray]
    offset: np.ndarray
    shares: np.ndarray

    @property
    def region(self) -> np.ndarray:
        """Most probable region of each spot (N,)."""
        return self.posterior.argmax(axis=1)

    @property
    def probability(self) -> np.ndarray:
        """Its probability (N,)."""
        return self.posterior.max(axis=1)

    def novelty(self, threshold: float) -> np.ndarray:
        """Distance as a share of the threshold (N,): above 1 the spot looks like no taught region."""
        return self.distance / threshold

    def call(self, threshold: float, level: float = LEVEL) -> np.ndarray:
        """The region where its probability reaches the level and the spot is not novel, else UNSURE: (N,)."""
        sure = (self.probability >= level) & (self.distance <= threshold)
        return np.where(sure, self.region, UNSURE)


def ask(
    model: RegionModel,
    section: StoredSlice,
    image: Callable[[], np.ndarray] | None = None,
    device: str = "cpu",
) -> Answer:
    """Name the spots of a section that no label is known of. image: reads its image features, if there are
    any.

    Nothing of any other section enters, so a section is named alike whenever it is asked for. Members that
    need an image are left out where there is none. Raises InputError where the section lacks the genes of
    the model.
    """
    own = components_of(model.loadings, section)
    offset, shares = estimate_offset(own.smoothed, model.classes)
    own = own.less(offset)
    ground = own.ground
    by_member = {name: nearby(_predict(name, known, own), ground) for name, known in model.members.items()}
    if model.networks:
        arrays = arrays_of(own.scores, model.loadings, section, model.networks[0].settings)
        found = np.mean([network.posterior(arrays, device) for network in model.networks], axis=0)
        by_member[NETWORK] = nearby(found, ground)
    if model.image is not None and image is not None:
        by_member[IMAGE] = nearby(model.image.posterior(image(), ground.xy), ground)
    posterior = pooled(by_member, model.weights, model.temperature, ground)
    return Answer(posterior, smoothed_distance(model.classes, own), by_member, offset, shares)


def pooled(
    by_member: Mapping[str, np.ndarray], weights: Mapping[str, float], temperature: float, ground: Ground
) -> np.ndarray:
    """The ensemble's posterior (N, C) over the members that answered, whose weights are scaled to sum 1."""
    weight = np.array([weights.get(name, 0.0) for name in by_member])
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(len(weight), 1 / len(weight))
    return nearby(pool(list(by_member.values()), weight.tolist(), temperature), ground)


def smoothed_distance(classes: ClassModel, own: Components) -> np.ndarray:
    """Mahalanobis distance to the nearest region, averaged over nearby spots: (N,). own: less its offset."""
    nearest = np.sqrt(classes.distances(own.smoothed).min(axis=1))
    return nearby(nearest[:, None], own.ground, N_NEAREST_DISTANCE)[:, 0]


def points_for(member: str, own: Components) -> np.ndarray:
    """The columns that a member sees: one scale, or several."""
    return own.several if member.endswith(SEVERAL) else own.smoothed


def _predict(name: str, known: Mapping[str, np.ndarray], own: Components) -> np.ndarray:
    return MEMBERS[name.removesuffix(SEVERAL)].predict(known, points_for(name, own))
