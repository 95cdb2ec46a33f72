"""Honest figures: every teacher is named by a model that has never seen it, then compared with its
annotation.

Nothing of a left-out section enters the model that names it: not its labels, its genes, its components or its
offset. N spots, C regions, M members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from tissuegraph.regions.ensemble import calibration_error
from tissuegraph.regions.fitting import NetworkOptions, fit_model
from tissuegraph.regions.model import LEVEL, Answer, ask, pooled
from tissuegraph.regions.sections import Ground, Source, codes_of
from tissuegraph.scores.named import compared
from tissuegraph.scores.transfer import ACROSS, SECTIONS

MOST_FITS = 10  # models fitted to leave sections out; more teachers are left out several at a time


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One section named by a model without it.

    codes (N,): its annotation among all region names, -1 unlabelled or not taught by the others; by_member:
    posteriors over all names, so 0 for a region that the others did not teach.
    """

    name: str
    codes: np.ndarray
    by_member: Mapping[str, np.ndarray]
    distance: np.ndarray
    ground: Ground


def folds(teachers: Sequence[Source], by: str) -> list[list[int]]:
    """Which teachers are left out together; empty where that leaves nobody to teach.

    by: "across", all sections of a patient at a time; "within", one section at a time, of patients with
    several; "sections", one at a time whoever it is from. At most ten folds.
    """
    everyone = range(len(teachers))
    if by == SECTIONS:
        parts = [[index] for index in everyone]
    else:
        patients = list(dict.fromkeys(teacher.patient for teacher in teachers))
        if None in patients:
            return []
        of = {patient: [i for i in everyone if teachers[i].patient == patient] for patient in patients}
        if by == ACROSS:
            parts = list(of.values())
        else:
            parts = [[index] for members in of.values() if len(members) > 1 for index in members]
    merged = [list(chain(*parts[start::MOST_FITS])) for start in range(min(MOST_FITS, len(parts)))]
    return [part for part in merged if len(part) < len(teachers)]


def leave_out(
    teachers: Sequence[Source], names: Sequence[str], parts: Sequence[Sequence[int]], options: NetworkOptions
) -> list[LeftOut]:
    """Name the sections of each part by a model of all the others. One network per fit."""
    found = []
    fewer = NetworkOptions(options.settings, options.seeds[:1], options.device)
    for part in parts:
        model = fit_model([t for index, t in enumerate(teachers) if index not in part], fewer)
        column = [names.index(name) for name in model.names if name in names]
        known = [index for index, name in enumerate(model.names) if name in names]
        for index in part:
            teacher = teachers[index]
            section = teacher.read()
            answer = ask(model, section, teacher.image, options.device)
            codes = codes_of(teacher.labels, names)
            by_member = {
                name: _widened(p[:, known], column, len(names)) for name, p in answer.by_member.items()
            }
            ground = Ground(section.xy, section.um_per_px)
            taught = np.where(np.isin(codes, column), codes, -1)
            found.append(LeftOut(teacher.name, taught, by_member, answer.distance, ground))
    return found


def scored(
    found: Sequence[LeftOut], annotated: Mapping[str, np.ndarray], model: Any, level: float = LEVEL
) -> dict[str, Any]:
    """Figures over left-out sections: means over sections, calibration over their spots; JSON-able.

    annotated: codes (N,) of each section among all names, -1 unlabelled. accuracy, macro_f1, ari: of the
    region; ece: of its probability; coverage: share of labelled spots that are called; accuracy_called: of
    those.
    """
    rows, probability, right, called = [], [], [], []
    for section in found:
        codes = annotated[section.name]
        labelled = codes >= 0
        if not labelled.any():
            continue
        posterior = pooled(section.by_member, model.weights, model.temperature, section.ground)
        answer = Answer(posterior, section.distance, {}, np.zeros(0), np.zeros(0))
        rows.append(compared(codes[labelled], answer.region[labelled]))
        probability.append(answer.probability[labelled])
        right.append((answer.region == codes)[labelled])
        called.append(answer.call(model.threshold, level)[labelled] >= 0)
    if not rows:
        return {}
    right_, called_ = np.concatenate(right), np.concatenate(called)
    figures = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return figures | {
        "ece": calibration_error(np.concatenate(probability), right_),
        "coverage": float(called_.mean()),
        "accuracy_called": float(right_[called_].mean()) if called_.any() else None,
        "n_sections": len(rows),
    }


def _widened(posterior: np.ndarray, column: Sequence[int], n_names: int) -> np.ndarray:
    """Over all names, 0 for those that the model does not know."""
    wide = np.zeros((len(posterior), n_names))
    wide[:, column] = posterior
    return wide
