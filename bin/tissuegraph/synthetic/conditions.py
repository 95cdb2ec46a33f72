"""A cohort of two conditions, ten patients and twenty sections, with its planted truth written beside."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.synthetic.expression import draw_programme
from tissuegraph.synthetic.planted import Planted
from tissuegraph.synthetic.settings import LAYERED, SliceSettings
from tissuegraph.synthetic.slices import domain_names

CONTROL, TREATED = "control", "treated"
N_PATIENTS, N_SECTIONS = 5, 2  # of a condition, of a patient
GROUP = "conditions"
DEPTH = "depth_truth"  # obs column with where a spot lies between the first layer and the last
N_MARKERS, N_GRADIENT, N_DIFFERENTIAL, N_DECOYS = 3, 12, 10, 15  # markers: of each domain
MARKER_FOLD, GRADIENT_FOLD, DIFFERENTIAL_FOLD, BORDER_FOLD = 2.0, 2.5, 1.1, 2.0  # natural logarithms
CHANGED_DOMAIN, DIFFERENTIAL_DOMAIN, BORDER = 1, 3, (2, 3)  # counted from 0
SHARE_CHANGE = 1.0  # natural log factor of the thickness of one layer
_RARE = 0.2  # quantiles of expected expression between which genes are chosen to be changed
_COMMON = 0.75


@dataclass(frozen=True, kw_only=True)
class Member:
    """One section: its settings, and where it belongs in the design."""

    name: str
    patient: str
    condition: str
    settings: SliceSettings


@dataclass(frozen=True, kw_only=True)
class DesignedCohort:
    """Sections, and the truth as truth.json holds it; pairs: (ligand, receptor) to look for, one is true."""

    members: tuple[Member, ...]
    truth: dict[str, Any]
    pairs: tuple[tuple[str, str], ...]


def plan_conditions(seed: int = 0, *, planted: bool = True, n_sections: int | None = None) -> DesignedCohort:
    """Twenty sections of five layers, or the first n_sections. Without planting, conditions differ by
    patients only: no layer's share, no gene.
    """
    base = SliceSettings(
        programme_seed=seed,
        architecture=LAYERED,
        n_domains=5,
        n_spots=420,
        n_genes=320,
        depth=2500.0,
        marker_log_fold=1.4,
        share_sd=0.12,
        patient_sd=0.2,
        patient_share_sd=0.2,
        batch_sd=0.08,
        hires_px=300,
        lowres_px=120,
    )
    plan, differential, pairs = _choose(base)
    members = []
    for i in range(2 * N_PATIENTS * N_SECTIONS):
        patient, section = divmod(i, N_SECTIONS)
        # conditions take turns, so that a first few sections hold both
        condition = (CONTROL, TREATED)[patient % 2]
        own, change = None, ()
        if planted:
            treated = condition == TREATED
            own = Planted(**{**plan, "differential": differential if treated else {}})
            change = tuple(SHARE_CHANGE * (treated and k == CHANGED_DOMAIN) for k in range(base.n_domains))
        name = f"P{patient + 1:02d}"
        settings = replace(
            base, seed=1000 * (seed + 1) + i, patient=patient, planted=own, share_change=change
        )
        members.append(
            Member(name=f"{name}_S{section + 1}", patient=name, condition=condition, settings=settings)
        )
    chosen = tuple(members[: n_sections or len(members)])
    return DesignedCohort(
        members=chosen, truth=_truth(base, plan, differential, chosen, planted), pairs=pairs
    )


def write_truth(cohort: DesignedCohort, folder: Path) -> Path:
    """Write FOLDER/truth.json, and FOLDER/pairs.csv with the ligands and receptors to look for."""
    with open(folder / "pairs.csv", "w", newline="") as handle:
        rows = csv.writer(handle, lineterminator="\n")
        rows.writerow(["ligand", "receptor"])
        rows.writerows(cohort.pairs)
    path = folder / "truth.json"
    path.write_text(json.dumps(cohort.truth, indent=1) + "\n", encoding="utf-8")
    return path


def _choose(settings: SliceSettings) -> tuple[dict[str, Any], dict[str, tuple[int, float]], tuple]:
    """Genes for each part, of middle expression and no marker of a cell type, in a random order."""
    programme = draw_programme(settings)
    level = programme.profile.mean(axis=0)
    low, high = np.quantile(level, [_RARE, _COMMON])
    free = np.flatnonzero(
        (programme.marker_of < 0) & ~programme.mitochondrial & (level > low) & (level < high)
    )
    names = iter(settings.shared_stream("planted").permutation(programme.genes[free]).tolist())
    markers = {
        next(names): (domain, MARKER_FOLD) for domain in range(settings.n_domains) for _ in range(N_MARKERS)
    }
    gradient = {next(names): GRADIENT_FOLD * (-1) ** i for i in range(N_GRADIENT)}
    # (as many up as down, so that the sum over genes stays as it was)
    differential = {
        next(names): (DIFFERENTIAL_DOMAIN, DIFFERENTIAL_FOLD * (-1) ** i) for i in range(N_DIFFERENTIAL)
    }
    pairs = tuple((next(names), next(names)) for _ in range(1 + N_DECOYS))
    (ligand, receptor), *_decoys = pairs
    plan = {
        "markers": markers,
        "gradient": gradient,
        "ligand": ligand,
        "receptor": receptor,
        "border": BORDER,
        "border_fold": BORDER_FOLD,
    }
    order = settings.shared_stream("pairs").permutation(len(pairs))
    return plan, differential, tuple(pairs[i] for i in order)


def _truth(
    settings: SliceSettings,
    plan: dict[str, Any],
    differential: dict[str, tuple[int, float]],
    members: Sequence[Member],
    planted: bool,
) -> dict[str, Any]:
    names = domain_names(settings).tolist()
    design = [{"sample": each.name, "patient": each.patient, "condition": each.condition} for each in members]
    truth: dict[str, Any] = {
        "planted": planted,
        "condition_a": CONTROL,
        "condition_b": TREATED,
        "domains": names,
        "sections": design,
        "markers": {},
        "gradient": {},
        "interaction": None,
        "share_change": None,
        "differential": None,
    }
    if not planted:
        return truth
    to_log2 = 1 / np.log(2)
    return truth | {
        "markers": {
            name: [gene for gene, (domain, _) in plan["markers"].items() if domain == k]
            for k, name in enumerate(names)
        },
        "gradient": {
            "column": DEPTH,
            "genes": {gene: "deeper" if fold > 0 else "shallower" for gene, fold in plan["gradient"].items()},
        },
        "interaction": {
            "ligand": plan["ligand"],
            "receptor": plan["receptor"],
            "sender": names[BORDER[0]],
            "receiver": names[BORDER[1]],
        },
        "share_change": {"domain": names[CHANGED_DOMAIN], "log2_of_thickness": SHARE_CHANGE * to_log2},
        "differential": {
            "domain": names[DIFFERENTIAL_DOMAIN],
            "log2_fold_changes": {gene: fold * to_log2 for gene, (_, fold) in differential.items()},
        },
    }
