"""Genes of each domain between the conditions of a group, with the patient as unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.characterise.contrasts import (
    LEAST_GENES,
    LEAST_SPOTS,
    DomainCounts,
    compared_genes,
    described,
)
from tissuegraph.characterise.false_findings import benjamini_hochberg
from tissuegraph.characterise.output import add_figure
from tissuegraph.characterise.pseudobulk import Pseudobulk, pseudobulk
from tissuegraph.characterise.sections import (
    Group,
    Section,
    numbers_match,
    read_group,
    say_what_is_compared,
)
from tissuegraph.characterise.tables import rows_of, write_csv
from tissuegraph.cohorts.design import Member, Pair, pairs_of
from tissuegraph.figures.volcano import Volcano, volcano_figure
from tissuegraph.io.text import listed
from tissuegraph.records import GROUP, Record
from tissuegraph.sheet.conditions import LEAST_PATIENTS

RATE = 0.1  # share of false findings among those that are counted
_SHOWN = 40  # rows that travel in the record
_NAMED = 8  # sections, or domains, named in a sentence
_MOST_PANELS = 24  # of a figure


def differential_of_group(
    record: Record,
    folder: Path,
    records: Path,
    design: Mapping[str, Member],
    outdir: Path,
    formats: Sequence[str],
) -> None:
    """Write differential.csv and <group_id>.differential.png (and .svg).

    record: of the group (inplace); folder: final h5ad of its sections; records: of their assembly. Without
    two conditions, or names that mean the same in all sections, nothing is written and the record says so.
    """
    group_id = record.sample.removeprefix(GROUP)
    group = read_group(folder, design)
    record.metrics |= {"by": group.by, "names": list(group.names)}
    sections = [section for section in group.sections if section.member.compared and not section.inferred]
    inferred = [section.name for section in group.sections if section.member.compared and section.inferred]
    if inferred:
        record.note(
            f"the expression of {listed(inferred, _NAMED)} is inferred from the image and takes no part: a "
            "test on inferred values says nothing about genes"
        )
    pairs = pairs_of([section.member for section in sections])
    if not pairs:
        return record.note("no two conditions are known in the group: no genes are compared")
    if group.by == keys.DOMAIN and not numbers_match(records, [s.name for s in group.sections]):
        return record.warn(
            "domains are not matched over the group, so equal numbers do not mean the same tissue: no genes "
            "are compared; match the domains (--cohort matched) or teach regions"
        )
    say_what_is_compared(record, replace(group, sections=tuple(sections)))
    for pair in pairs:
        if not pair.tested:
            record.note(pair.why_not())
    bulk = pseudobulk(sections, group.n_domains)
    table = differential_table(record, bulk, group.names, sections, pairs)
    write_csv(table, outdir / "differential.csv")
    record.metrics |= {
        "n_sections": len(sections),
        "n_genes_shared": len(bulk.genes),
        "rate": RATE,
        "pairs": [_told(pair, table) for pair in pairs],
        "domains": _domains(table, group.names),
        "top": _top(table),
        "files": {},
        "pictures": {},
    }
    panels = _panels(table, group)
    if panels:
        figure = volcano_figure(panels[:_MOST_PANELS], f"{group_id}: genes within each {group.by}", RATE)
        add_figure(record, figure, "differential", outdir, formats)
    return None


def differential_table(
    record: Record, bulk: Pseudobulk, names: Sequence[str], sections: Sequence[Section], pairs: Sequence[Pair]
) -> pd.DataFrame:
    """One row per domain, pair of conditions and expressed gene; p adjusted over all rows together.

    A patient with fewer than LEAST_SPOTS spots in a domain, or without a count there, is left out there. A
    pair with too few patients in a domain, or too few genes, has rows without p-values.
    """
    condition = {str(section.member.patient): str(section.member.condition) for section in sections}
    parts = []
    untested: dict[Pair, list[str]] = {pair: [] for pair in pairs if pair.tested}
    for k, name in enumerate(names):
        rows = np.flatnonzero((bulk.spots[:, k] >= LEAST_SPOTS) & bulk.counts[:, k].any(axis=1))
        domain = DomainCounts(
            counts=bulk.counts[rows, k],
            patients=tuple(bulk.patients[i] for i in rows),
            conditions=tuple(condition[bulk.patients[i]] for i in rows),
            genes=bulk.genes,
        )
        found = compared_genes(domain, pairs)
        for pair in pairs:
            part = found.get((pair.a, pair.b))
            if part is None:
                part = described(domain, pair)
                if pair.tested:
                    untested[pair].append(f"{name} ({_why_not(pair, domain)})")
            sizes = [domain.conditions.count(condition) for condition in (pair.a, pair.b)]
            parts.append(_labelled(part, name, pair, sizes))
    for pair, told in untested.items():
        if told:
            record.note(f"{pair.b} against {pair.a}: described, not tested, in {listed(told, _NAMED)}")
    table = pd.concat(parts, ignore_index=True)
    table.insert(8, "p_adjusted", benjamini_hochberg(table["p_value"].to_numpy(float)))
    return table


def _labelled(part: pd.DataFrame, domain: str, pair: Pair, sizes: Sequence[int]) -> pd.DataFrame:
    """The columns of the file, p_adjusted excepted; genes by p-value, then by the size of their change."""
    made = part.assign(
        domain=domain, condition_a=pair.a, condition_b=pair.b, n_patients_a=sizes[0], n_patients_b=sizes[1]
    )
    first = ["domain", "gene", "condition_a", "condition_b"]
    last = ["base_mean", "log2_fold_change", "standard_error", "p_value", "n_patients_a", "n_patients_b"]
    size = -made["log2_fold_change"].abs()
    order = np.lexsort((size.to_numpy(float), made["p_value"].fillna(2).to_numpy(float)))
    return made.iloc[order][first + last]


def _why_not(pair: Pair, domain: DomainCounts) -> str:
    n_a, n_b = (domain.conditions.count(condition) for condition in (pair.a, pair.b))
    if min(n_a, n_b) < LEAST_PATIENTS:
        return f"{n_b} and {n_a} patients with {LEAST_SPOTS} spots and a count there"
    return f"fewer than {LEAST_GENES} genes with counts enough"


def _told(pair: Pair, table: pd.DataFrame) -> dict[str, Any]:
    rows = table[(table["condition_a"] == pair.a) & (table["condition_b"] == pair.b)]
    return {
        "condition_a": pair.a,
        "condition_b": pair.b,
        "n_patients_a": len(pair.patients_a),
        "n_patients_b": len(pair.patients_b),
        "tested": bool(rows["p_value"].notna().any()),
        "n_tests": int(rows["p_value"].notna().sum()),
        "n_found": int((rows["p_adjusted"] <= RATE).sum()),
    }


def _domains(table: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for name in names:
        rows = table[table["domain"] == name]
        found.append(
            {
                "domain": name,
                "n_tests": int(rows["p_value"].notna().sum()),
                "n_found": int((rows["p_adjusted"] <= RATE).sum()),
            }
        )
    return found


def _top(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows that the report shows: tested ones by p-value, else those that changed most."""
    size = -table["log2_fold_change"].abs().to_numpy(float)
    order = np.lexsort((size, table["p_value"].fillna(2).to_numpy(float)))[:_SHOWN]
    return rows_of(table.iloc[order])


def _panels(table: pd.DataFrame, group: Group) -> list[Volcano]:
    """A volcano per domain and tested pair; none where nothing was tested."""
    tested_rows = table[table["p_value"].notna()]
    return [
        Volcano(
            title=f"{group.by} {name}: {b} against {a}" if name.isdecimal() else f"{name}: {b} against {a}",
            change=rows["log2_fold_change"].to_numpy(float),
            p=rows["p_value"].to_numpy(float),
            found=(rows["p_adjusted"] <= RATE).to_numpy(bool),
            genes=rows["gene"].astype(str).to_numpy(),
        )
        for (name, a, b), rows in tested_rows.groupby(
            ["domain", "condition_a", "condition_b"], sort=False, observed=True
        )
    ]
