"""Shares of domains in the sections of a group: described, compared between conditions, and who differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tissuegraph import keys
from tissuegraph.characterise.output import add_figure
from tissuegraph.characterise.replicates import agreement, distances, section_table
from tissuegraph.characterise.sections import Group, numbers_match, read_group, say_what_is_compared
from tissuegraph.characterise.shares import compare, log_shares, mean_by_patient, shares_of
from tissuegraph.characterise.tables import rows_of, write_csv
from tissuegraph.cohorts.design import Member, Pair, levels_in_order, pairs_of
from tissuegraph.figures.palette import domain_colour, region_number
from tissuegraph.figures.shares import Bar, shares_figure
from tissuegraph.records import GROUP, Record

_SHOWN = 40  # rows of the test that travel in the record


def composition_of_group(
    record: Record,
    folder: Path,
    records: Path,
    design: Mapping[str, Member],
    outdir: Path,
    formats: Sequence[str],
    seed: int = 0,
) -> None:
    """Write composition.csv, composition_test.csv, sections.csv and <group_id>.composition.png (and .svg).

    record: of the group (inplace); folder: final h5ad of its sections; records: of their assembly. Without
    names that mean the same in all sections nothing is written, and the record says so.
    """
    group_id = record.sample.removeprefix(GROUP)
    group = read_group(folder, design)
    record.metrics |= {"by": group.by, "names": list(group.names)}
    pairs = pairs_of([section.member for section in group.sections])
    if group.by == keys.DOMAIN and not numbers_match(records, [s.name for s in group.sections]):
        text = (
            "domains are not matched over the group, so equal numbers do not mean the same tissue: no shares "
        )
        say = record.warn if pairs else record.note
        return say(text + "are compared; match the domains (--cohort matched) or teach regions")
    say_what_is_compared(record, group)
    counts = np.stack([np.bincount(s.codes[s.codes >= 0], minlength=group.n_domains) for s in group.sections])
    apart = distances(counts)
    write_csv(shares_table(group, counts), outdir / "composition.csv")
    sections = section_table(counts, apart, group)
    write_csv(sections, outdir / "sections.csv")
    tested, least = _tested(record, group, counts, pairs, seed)
    if tested is not None:
        write_csv(tested, outdir / "composition_test.csv")
    record.metrics |= {
        "n_sections": len(group.sections),
        "pairs": [_told(pair, smallest) for pair, smallest in zip(pairs, least, strict=True)],
        "tests": [] if tested is None else rows_of(tested.sort_values("p_value", kind="stable")[:_SHOWN]),
        "agreement": asdict(agreement(apart, group)),
        "sections": rows_of(sections),
    }
    add_figure(record, _figure(group, counts, group_id), "composition", outdir, formats)
    return None


def shares_table(group: Group, counts: np.ndarray) -> pd.DataFrame:
    """sample, patient, condition, domain, n_spots, share: a row per section and domain; counts: (S, K)."""
    k = group.n_domains
    members = [section.member for section in group.sections]
    share = shares_of(counts)
    return pd.DataFrame(
        {
            "sample": np.repeat([m.sample for m in members], k),
            "patient": np.repeat(np.array([m.patient for m in members], dtype=object), k),
            "condition": np.repeat(np.array([m.condition for m in members], dtype=object), k),
            "domain": list(group.names) * len(members),
            "n_spots": counts.ravel(),
            "share": share.ravel(),
        }
    )


def _tested(
    record: Record, group: Group, counts: np.ndarray, pairs: Sequence[Pair], seed: int
) -> tuple[pd.DataFrame | None, list[float]]:
    """The comparison of all pairs of conditions; None without two conditions."""
    if not pairs:
        record.note("no two conditions are known in the group: shares are described, nothing is compared")
        return None, []
    for pair in pairs:
        if not pair.tested:
            record.note(pair.why_not())
    if group.n_domains < 2:
        record.note("the group has one domain: its share is 1 everywhere, nothing is compared")
    members = [section.member for section in group.sections]
    known = sorted({m.patient for m in members if m.compared})
    # (a patient's sections without a condition are no part of what is compared)
    rows = [i for i, m in enumerate(members) if m.compared]
    whose = [members[i].patient for i in rows]
    logs = mean_by_patient(log_shares(counts)[rows], whose, known)
    share = shares_of(counts)
    shares = mean_by_patient(share[rows], whose, known)
    return compare(
        dict(zip(known, logs, strict=True)),
        dict(zip(known, shares, strict=True)),
        pairs,
        group.names,
        seed,
    )


def _told(pair: Pair, least: float) -> dict[str, Any]:
    return {
        "condition_a": pair.a,
        "condition_b": pair.b,
        "n_patients_a": len(pair.patients_a),
        "n_patients_b": len(pair.patients_b),
        "tested": pair.tested and not np.isnan(least),
        "least_p": least,
    }


def _figure(group: Group, counts: np.ndarray, group_id: str) -> Figure:
    """A stacked bar per section, by condition and patient."""
    members = [section.member for section in group.sections]
    levels = levels_in_order({member.condition for member in members if member.condition is not None})
    rank = {condition: place for place, condition in enumerate([*levels, None])}  # without one: last
    order = sorted(
        range(len(members)),
        key=lambda i: (rank[members[i].condition], members[i].patient or "", members[i].sample),
    )
    share = shares_of(counts)
    bars = [
        Bar(members[i].sample, members[i].condition or "", members[i].patient or "", share[i]) for i in order
    ]
    names = [f"{group.by} {name}" if name.isdecimal() else name for name in group.names]
    return shares_figure(bars, names, colours_of(group), f"{group_id}: shares of {group.by}s")


def colours_of(group: Group) -> list[str]:
    """Of each name, as on the maps."""
    if group.by == keys.REGION:
        return [domain_colour(region_number(place)) for place in group.places]
    numbers = [
        int(name) if name.isdecimal() else place + 1
        for name, place in zip(group.names, group.places, strict=True)
    ]
    return [domain_colour(max(number, 1)) for number in numbers]
