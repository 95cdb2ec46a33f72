"""Teach regions: fit on all teachers, judge on left-out ones, and say what the judgement amounts to.

T teachers, N spots, C regions, M members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.text import plain
from tissuegraph.regions.ensemble import calibrating_temperature, stacking_weights
from tissuegraph.regions.fitting import NO_NETWORK, NetworkOptions, fit_model
from tissuegraph.regions.leaving_out import LeftOut, folds, leave_out, scored
from tissuegraph.regions.model import LEVEL, RegionModel, smoothed_distance
from tissuegraph.regions.offsets import fit_classes
from tissuegraph.regions.sections import Source, codes_of, components_of
from tissuegraph.regions.sources import digest, labels_digest
from tissuegraph.scores.named import compared
from tissuegraph.scores.transfer import (
    ACROSS,
    JUDGES,
    NOT_CHECKED,
    NOT_SHOWN,
    SECTIONS,
    SHOWN,
    WITHIN,
    judging,
)
from tissuegraph.slices.partition import spatial_parts

LEAST_MACRO_F1 = 0.5  # of left-out teachers, below which transfer counts as not shown
NOVEL_SHARE = 0.01  # of the known spots of left-out sections that may be called novel
N_BLOCKS = 5  # of a single teacher, left out in turn to find its novelty threshold
LEAST_JUDGING = 20  # labelled spots of a section by which it is judged how well it was named


def teach(teachers: Sequence[Source], options: NetworkOptions = NO_NETWORK) -> RegionModel:
    """The model of all teachers, with weights, calibration and novelty threshold from left-out ones.

    By patient where there are two that teach, else section by section. Where nothing could be left out, as
    with a single teacher, members are unweighted, probabilities uncalibrated, and the threshold comes from
    blocks of the teachers' own tissue. `about` holds: teachers, patients, names, members, left_out, guard,
    sentence, level, spelling (names that differ by case or blanks only), not_left_out (a line per section
    that the others cannot name).
    """
    teachers = sorted(teachers, key=lambda teacher: teacher.name)
    model = fit_model(teachers, options)
    left_out, unnamed = _leave_out_by(teachers, model.names, options)
    judge = next((left_out[by] for by in JUDGES if by in left_out), [])
    annotated = {teacher.name: codes_of(teacher.labels, model.names) for teacher in teachers}
    judged = [section for section in judge if (section.codes >= 0).any()]
    model = _weighed(model, judged) if judged else _threshold_of_blocks(model, teachers)
    figures = {by: scored(sections, annotated, model) for by, sections in left_out.items()}
    figures = {by: found for by, found in figures.items() if found}
    guard, sentence = verdict(figures, [teacher.name for teacher in teachers])
    about = {
        "teachers": [teacher.name for teacher in teachers],
        "patients": {teacher.name: teacher.patient for teacher in teachers},
        "names": list(model.names),
        "members": _member_rows(model, judge),
        "not_left_out": unnamed,
        "left_out": figures,
        "guard": guard,
        "sentence": sentence,
        "level": LEVEL,
        "digests": {
            teacher.name: {"section": digest(teacher.read()), "labels": labels_digest(teacher.labels)}
            for teacher in teachers
        },
        "encoder": teachers[0].kind if model.image is not None else None,
        "too_small": sorted(all_labels(teachers) - set(model.names)),
        "spelling": alike_but_spelt_differently(teachers),
    }
    return replace(model, about=about)


def _leave_out_by(
    teachers: Sequence[Source], names: Sequence[str], options: NetworkOptions
) -> tuple[dict[str, list[LeftOut]], list[str]]:
    """Left-out sections by what was left out, and a line for each that those left to teach cannot name.

    Such a section (the only one with a second region, or of another panel) still teaches: that nobody could
    judge without it is no reason to refuse what all together know.
    """
    found: dict[str, list[LeftOut]] = {}
    lines = {t.name: line for t in teachers if len(teachers) > 1 and (line := _too_few_to_judge(t, names))}
    for by in (WITHIN, ACROSS, SECTIONS):
        if by == SECTIONS and all(teacher.patient is not None for teacher in teachers):
            continue
        for part in folds(teachers, by):
            who = ", ".join(teachers[index].name for index in part)
            if all(teachers[index].name in lines for index in part):
                continue
            try:
                sections = leave_out(teachers, names, [part], options)
            except InputError as error:
                lines[who] = f"the others cannot name {who}, which takes no part in the figures: {error}"
            else:
                found.setdefault(by, []).extend(s for s in sections if s.name not in lines)
    return {by: sections for by, sections in found.items() if sections}, list(lines.values())


def _too_few_to_judge(teacher: Source, names: Sequence[str]) -> str | None:
    """Why a section's own labels cannot tell how well it was named: any answer would look right, or wrong."""
    codes = codes_of(teacher.labels, names)
    n_spots, n_regions = int((codes >= 0).sum()), len(np.unique(codes[codes >= 0]))
    if n_spots >= LEAST_JUDGING and n_regions > 1:
        return None
    return (
        f"{teacher.name} teaches but takes no part in the figures of left-out teachers: {n_spots} labelled "
        f"spots, {n_regions} regions (at least {LEAST_JUDGING} and 2 are needed to judge by)"
    )


def verdict(figures: Mapping[str, Mapping[str, Any]], teachers: Sequence[str]) -> tuple[str, str]:
    """Whether transfer was shown, and the sentence that the report prints; across patients decides where
    known.
    """
    by, found = judging(figures)
    if by is None and len(teachers) > 1:
        return NOT_CHECKED, (
            f"How well regions carry over could not be checked: none of the {len(teachers)} teachers could "
            f"be named by the others and judged by its labels. Annotate a further section with the same "
            f"regions."
        )
    if by is None:
        return NOT_CHECKED, (
            f"How well regions carry over could not be checked: only {teachers[0]} teaches, and nothing was "
            f"left to compare with. Annotate a second section to find out."
        )
    left = {ACROSS: "patients", SECTIONS: "sections", WITHIN: "sections of a patient"}[by]
    figure = f"macro-F1 {found['macro_f1']:.2f} on left-out {left}"
    if found["macro_f1"] < LEAST_MACRO_F1:
        return NOT_SHOWN, (
            f"Transfer was not shown: {figure}, below {LEAST_MACRO_F1}. The regions are not to be relied on; "
            f"the domains found without labels come first."
        )
    return SHOWN, f"Regions carry over: {figure}, accuracy {found['accuracy']:.2f}."


def alike_but_spelt_differently(teachers: Sequence[Source]) -> list[list[str]]:
    """Sets of region names that are the same but for case and blanks: they count as different regions."""
    names = all_labels(teachers)
    alike: dict[str, list[str]] = {}
    for name in sorted(names):
        alike.setdefault(plain(name), []).append(name)
    return [spellings for spellings in alike.values() if len(spellings) > 1]


def all_labels(teachers: Sequence[Source]) -> set[str]:
    """Every region name that a teacher uses."""
    return {label for teacher in teachers for label in teacher.labels if isinstance(label, str)}


def _weighed(model: RegionModel, judge: Sequence[LeftOut]) -> RegionModel:
    """Weights, temperature and threshold from left-out sections, of which each counts the same; all have
    labels.
    """
    names = [name for name in model.weights if all(name in section.by_member for section in judge)]
    rows = [(section, np.flatnonzero(section.codes >= 0)) for section in judge]
    rows = [(section, _thin(spots)) for section, spots in rows]
    codes = np.concatenate([section.codes[spots] for section, spots in rows])
    members = [np.concatenate([section.by_member[name][spots] for section, spots in rows]) for name in names]
    weights = dict.fromkeys(model.weights, 0.0) | dict(
        zip(names, stacking_weights(members, codes).tolist(), strict=True)
    )
    distance = np.concatenate([section.distance[spots] for section, spots in rows])
    return replace(
        model,
        weights=weights,
        temperature=calibrating_temperature(members, [weights[name] for name in names], codes),
        threshold=float(np.quantile(distance, 1 - NOVEL_SHARE)),
    )


def _thin(spots: np.ndarray, most: int = 20_000) -> np.ndarray:
    return spots[:: -(-len(spots) // most)] if len(spots) else spots


def _threshold_of_blocks(model: RegionModel, teachers: Sequence[Source]) -> RegionModel:
    """The novelty threshold where nothing could be left out: from blocks of the teachers' own tissue, each
    with its labels left out. Infinite, so that no spot is novel, where no teacher has labels enough.
    """
    distances = [found for teacher in teachers for found in _distances_of_blocks(model, teacher)]
    found = np.concatenate(distances) if distances else np.zeros(0)
    if not len(found):
        return model
    return replace(model, threshold=float(np.quantile(found, 1 - NOVEL_SHARE)))


def _distances_of_blocks(model: RegionModel, teacher: Source) -> Iterator[np.ndarray]:
    section = teacher.read()
    own, codes = components_of(model.loadings, section), codes_of(teacher.labels, model.names)
    for block in spatial_parts(section.xy, -(-len(section.xy) // N_BLOCKS)):
        rest = codes.copy()
        rest[block] = -1
        taught, known = np.unique(rest[rest >= 0], return_inverse=True)
        if len(taught) < 2 or len(known) < LEAST_JUDGING:
            continue
        classes, _ = fit_classes([own.smoothed[rest >= 0]], [known], len(taught))
        found = smoothed_distance(classes, own)
        yield found[block[np.isin(codes[block], taught)]]


def _member_rows(model: RegionModel, judge: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """Name, weight and left-out scores of each member; scores absent where nothing was left out."""
    rows = []
    for name, weight in model.weights.items():
        row: dict[str, Any] = {"name": name, "weight": round(weight, 4)}
        scores = [
            compared(
                section.codes[section.codes >= 0], section.by_member[name].argmax(axis=1)[section.codes >= 0]
            )
            for section in judge
            if name in section.by_member and (section.codes >= 0).any()
        ]
        if scores:
            row |= {key: float(np.mean([score[key] for score in scores])) for key in scores[0]}
        rows.append(row)
    return rows
