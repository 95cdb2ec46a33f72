"""Fit a model of regions on annotated sections. T teachers, N spots, D components, C regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tissuegraph.cohorts.components import Loadings, fit_loadings
from tissuegraph.errors import InputError
from tissuegraph.regions.image import fit_image
from tissuegraph.regions.members import IMAGE, MEMBERS, NETWORK, SEVERAL, thinned
from tissuegraph.regions.model import RegionModel, points_for
from tissuegraph.regions.offsets import fit_classes
from tissuegraph.regions.sections import Components, Source, codes_of, components_of
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.names import natural
from tissuegraph.stmfg.joint import network_arrays, network_settings
from tissuegraph.stmfg.sections import SectionEncoder, prepare_sections, train_sections, training_parts
from tissuegraph.stmfg.settings import Settings

LEAST_SPOTS = 3  # of a region, over all teachers, to be taught at all


@dataclass(frozen=True)
class NetworkOptions:
    """How the network is trained; seeds: one network each, none: no network."""

    settings: Settings | None = None
    seeds: tuple[int, ...] = ()
    device: str = "auto"


NO_NETWORK = NetworkOptions()


def region_names(teachers: Sequence[Source]) -> tuple[str, ...]:
    """Regions with at least three labelled spots over all teachers, in natural order.

    Raises InputError where there are fewer than two.
    """
    labels = [str(label) for teacher in teachers for label in teacher.labels if isinstance(label, str)]
    names, counts = np.unique(np.array(labels, dtype=object).astype(str), return_counts=True)
    taught = [str(name) for name, count in zip(names, counts, strict=True) if count >= LEAST_SPOTS]
    if len(taught) < 2:
        raise InputError(
            f"teaching needs at least two regions of {LEAST_SPOTS} labelled spots each, the teachers "
            f"{', '.join(teacher.name for teacher in teachers)} have {len(taught)}; "
            "check the column annotation"
        )
    return tuple(sorted(taught, key=natural))


def fit_model(teachers: Sequence[Source], options: NetworkOptions = NO_NETWORK) -> RegionModel:
    """Everything that the teachers alone decide: genes, loadings, region names, offsets, members, networks.

    Members weigh the same, nothing is calibrated: that needs sections that were left out. The order of the
    teachers does not matter to what is learned.
    """
    names = region_names(teachers)
    loadings = fit_loadings([teacher.read for teacher in teachers])
    own = [components_of(loadings, teacher.read()) for teacher in teachers]
    codes = [codes_of(teacher.labels, names) for teacher in teachers]
    used = [index for index, code in enumerate(codes) if (code >= 0).any()]
    own, codes = [own[index] for index in used], [codes[index] for index in used]
    teachers = [teachers[index] for index in used]
    classes, offsets = fit_classes(
        [points.smoothed[code >= 0] for points, code in zip(own, codes, strict=True)],
        [code[code >= 0] for code in codes],
        len(names),
    )
    level = [points.less(offset) for points, offset in zip(own, offsets, strict=True)]
    members = _fit_members(level, codes, len(names))
    xy = [points.ground.xy for points in own]
    networks = _train(teachers, loadings, offsets, xy, codes, len(names), options)
    image = None
    if all(teacher.image is not None and teacher.kind == teachers[0].kind for teacher in teachers):
        image = fit_image([teacher.image() for teacher in teachers], xy, codes, len(names))
    answering = [*members, *([NETWORK] if networks else []), *([IMAGE] if image is not None else [])]
    weights = {name: 1 / len(answering) for name in answering}
    return RegionModel(names, loadings, classes, members, networks, image, weights)


def _fit_members(
    own: Sequence[Components], codes: Sequence[np.ndarray], n_classes: int
) -> dict[str, dict[str, np.ndarray]]:
    """Each kind of member at one scale and at several, on the labelled spots of all teachers."""
    known = np.concatenate(codes)
    labelled = np.flatnonzero(known >= 0)
    labelled = labelled[thinned(known[labelled])]
    found = {}
    for suffix in ("", SEVERAL):
        for kind, member in MEMBERS.items():
            name = kind + suffix
            points = np.concatenate([points_for(name, section) for section in own])[labelled]
            found[name] = member.fit(points, known[labelled], n_classes)
    return found


def _train(
    teachers: Sequence[Source],
    loadings: Loadings,
    offsets: np.ndarray,
    positions: Sequence[np.ndarray],
    codes: Sequence[np.ndarray],
    n_classes: int,
    options: NetworkOptions,
) -> list[SectionEncoder]:
    if options.settings is None:
        return []
    settings = network_settings(options.settings)
    labelled = [
        [spots for spots in parts if (code[spots] >= 0).any()]
        for parts, code in zip(training_parts(positions), codes, strict=True)
    ]

    def arrays() -> Iterator[SliceArrays]:
        for teacher, offset, parts in zip(teachers, offsets, labelled, strict=True):
            section = teacher.read()
            for spots in parts:
                yield network_arrays(loadings, section.part(spots), offset, settings)

    prepared = prepare_sections(arrays(), settings, options.device)
    known = [code[spots] for code, parts in zip(codes, labelled, strict=True) for spots in parts]
    return [
        train_sections(prepared, settings, seed=seed, codes=known, n_classes=n_classes)
        for seed in options.seeds
    ]
