"""Whether sections of one patient agree more than those of different ones, and which section stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tissuegraph.characterise.sections import Group
from tissuegraph.characterise.shares import log_shares, shares_of
from tissuegraph.cohorts.standing_out import LEAST_SECTIONS, LIMIT, robust


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Mean Aitchison distance of two sections: of one patient, of two patients of one condition, of two
    conditions; None where there are no such two.
    """

    one_patient: float | None
    one_condition: float | None
    two_conditions: float | None


def distances(counts: np.ndarray) -> np.ndarray:
    """Aitchison distance (S, S) of the compositions of sections with so many spots (S, K) per domain.

    The Euclidean distance of centred log-ratios: a ratio counts alike in a small domain and a large one.
    """
    logs = log_shares(counts)
    centred = logs - logs.mean(axis=1, keepdims=True)
    return np.sqrt(((centred[:, None] - centred[None]) ** 2).sum(axis=2))


def agreement(apart: np.ndarray, group: Group) -> Agreement:
    """Over all pairs of sections whose patients are known."""
    patient, condition, known = _who(group)
    pairs = np.triu(known[:, None] & known[None], k=1)
    same = patient[:, None] == patient[None]
    treated = condition[:, None] == condition[None]
    named = np.array([c is not None for c in condition])
    named = named[:, None] & named[None]
    return Agreement(
        one_patient=_mean(apart[pairs & same]),
        one_condition=_mean(apart[pairs & ~same & (treated | ~named)]),
        two_conditions=_mean(apart[pairs & ~same & named & ~treated]),
    )


def section_table(counts: np.ndarray, apart: np.ndarray, group: Group) -> pd.DataFrame:
    """One row per section: distances to its patient's other sections and to those of other patients, and how
    far it stands out in shares and depth (robust standard deviations), with reasons in words.

    A section is held against all sections of its condition where these are four or more, else of the group.
    """
    patient, condition, known = _who(group)
    same = (patient[:, None] == patient[None]) & known[:, None] & known[None]
    np.fill_diagonal(same, False)
    other = (patient[:, None] != patient[None]) & known[:, None] & known[None]
    depth = np.array([section.depth for section in group.sections])
    spots = counts.sum(axis=1)
    shares = shares_of(counts)
    rows = []
    composition, quality, reasons = _standing(shares, depth, condition, group.names)
    for i, section in enumerate(group.sections):
        rows.append(
            {
                "sample": section.name,
                "patient": section.member.patient,
                "condition": section.member.condition,
                "n_spots": int(spots[i]),
                "median_counts": depth[i],
                "distance_same_patient": _mean(apart[i, same[i]]),
                "distance_other_patients": _mean(apart[i, other[i]]),
                "composition_z": composition[i],
                "depth_z": quality[i],
                "stands_out": "; ".join(reasons[i]),
            }
        )
    return pd.DataFrame(rows)


def _standing(
    shares: np.ndarray, depth: np.ndarray, condition: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, list[list[str]]]:
    """z of shares (S,) and of depth (S,), NaN where too few sections are alike, and reasons."""
    n = len(shares)
    composition, quality = np.full(n, np.nan), np.full(n, np.nan)
    reasons: list[list[str]] = [[] for _ in range(n)]
    for rows, peers in _peers(condition):
        if len(peers) < LEAST_SECTIONS:
            continue
        told = np.isin(peers, rows)
        typical = np.median(shares[peers], axis=0)
        off = shares[peers] - typical
        composition[rows] = robust(np.abs(off).sum(axis=1) / 2, "composition")[told]
        quality[rows] = robust(np.log(np.maximum(depth[peers], 1e-9)), "quality")[told]
        for row, apart in zip(rows, off[told], strict=True):
            if composition[row] > LIMIT:
                k = int(np.argmax(np.abs(apart)))
                share, usual = f"{shares[row, k]:.0%}", f"{typical[k]:.0%}"
                reasons[row].append(f"{names[k]} takes {share} of its spots, {usual} in the median section")
            if abs(quality[row]) > LIMIT:
                more = "fewer" if quality[row] < 0 else "more"
                reasons[row].append(f"it has {more} counts than the others")
    return composition, quality, reasons


def _peers(condition: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ascending rows, and the rows that these are held against: those of one condition against each other
    where they are enough, all others against the group.
    """
    levels = sorted({str(c) for c in condition if c is not None})
    parts = [np.flatnonzero([c is not None and str(c) == level for c in condition]) for level in levels]
    parts = [part for part in parts if len(part) >= LEAST_SECTIONS]
    everyone = np.arange(len(condition))
    rest = np.setdiff1d(everyone, np.concatenate(parts) if parts else [])
    return [*((part, part) for part in parts), *([(rest, everyone)] if len(rest) else [])]


def _who(group: Group) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    patient = np.array([section.member.patient for section in group.sections], dtype=object)
    condition = np.array([section.member.condition for section in group.sections], dtype=object)
    return patient, condition, np.array([p is not None for p in patient])


def _mean(values: np.ndarray) -> Any:
    return float(values.mean()) if len(values) else None
