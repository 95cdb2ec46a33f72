"""From the final slices of one group to what its user takes home: one h5ad and sections side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.cohorts.shared_genes import shared_genes
from tissuegraph.figures.cohort import cohort_figure
from tissuegraph.figures.domains import LabelPanel
from tissuegraph.figures.palette import region_number
from tissuegraph.figures.save import FORMATS, save
from tissuegraph.records import GROUP, Record
from tissuegraph.results.cohort_h5ad import write_cohort
from tissuegraph.results.cohort_sections import (
    CohortSection,
    in_turn,
    joined_obs,
    numbers_are_shared,
    read_records,
    read_sections,
)
from tissuegraph.results.h5ad import storable, versions

_FEW_GENES = 0.5  # share of a section's genes below which the others cost it too many
_FINE, _COARSE, _MANY = 200, 100, 12  # dots per inch of up to so many sections, and of more
_TOLD = (
    "cohort",
    "join",
    "match",
    "teach",
    "pool_numbers",
)  # steps over the group whose findings travel in uns


def assemble_cohort(
    record: Record, folder: Path, parts: Path, records: Path, outdir: Path, formats: Sequence[str] = FORMATS
) -> None:
    """Write <group_id>.h5ad, .domains.png and .svg, and .regions.* where regions were taught, into `outdir`.

    record: of the group (inplace); folder: the sections' final h5ad files; parts: their shared components;
    records: of the group's steps and of the sections' assembly; formats: of the figures.
    """
    group_id = record.sample.removeprefix(GROUP)
    sections, told = read_sections(folder, parts), read_records(records)
    matched = numbers_are_shared(sections, told)
    _, genes = shared_genes([section.var for section in sections])
    for section in sections:
        if len(genes) < _FEW_GENES * len(section.var):
            record.warn(
                f"{section.name} measured {len(section.var):,} genes, of which all sections share "
                f"{len(genes):,}; only these are in the cohort's h5ad"
            )
    inferred = [section.name for section in sections if section.inferred]
    if inferred:
        record.warn(
            f"the expression of {', '.join(inferred)} is inferred from the image, also in the cohort's h5ad: "
            "it is no independent evidence beside measured sections"
        )
    without = [section.name for section in sections if section.components is None]
    if without and len(without) < len(sections):
        record.warn(f"no shared components in the cohort's h5ad, as {', '.join(without)} has none")
    facts = _facts(sections, told, n_genes=len(genes), matched=matched)
    write_cohort(outdir / f"{group_id}.h5ad", sections, storable(facts), matched=matched)
    record.metrics |= {
        "sections": [section.name for section in sections],
        "n_spots": sum(len(section.obs) for section in sections),
        "n_genes": len(genes),
        "matched": matched,
        "files": _draw(sections, outdir / group_id, group_id, formats, matched=matched),
    }


def _facts(
    sections: Sequence[CohortSection], told: Sequence[Record], *, n_genes: int, matched: bool
) -> dict[str, Any]:
    """What uns['tissuegraph'] says of the group."""
    names = {
        record.sample: record.metrics["domain_names"]
        for record in told
        if record.step == "assemble" and record.metrics.get("domain_names")
    }
    return {
        "sections": [section.name for section in sections],
        "genes": f"the {n_genes} genes that every section measured",
        "numbers_match": matched,
        "inferred_sections": [section.name for section in sections if section.inferred],
        "domain_names": names,
        "settings": {
            record.step: dict(record.metrics)
            for record in told
            if record.step in _TOLD and record.sample.startswith(GROUP)
        },
        "versions": versions(),
    }


def _draw(
    sections: Sequence[CohortSection], stem: Path, group_id: str, formats: Sequence[str], *, matched: bool
) -> dict[str, str]:
    """Figures of the group; returns {figure: file name of its PNG}."""
    panels = {"domains": _domain_panels(sections, matched=matched)}
    names = next((tuple(s.obs[keys.REGION].cat.categories) for s in sections if keys.REGION in s.obs), ())
    if names:
        panels["regions"] = [_region_panel(section, names) for section in sections]
    aspects = [_aspect(section.position) for section in sections]
    files = {}
    for name, drawn in panels.items():
        readers = [section.tissue for section in sections]
        figure = cohort_figure(drawn, readers, aspects, f"{group_id}: {name}", name.capitalize())
        dpi = _FINE if len(sections) <= _MANY else _COARSE
        files[name] = save(figure, Path(f"{stem}.{name}"), dpi, formats)[0].name
    return files


def _domain_panels(sections: Sequence[CohortSection], *, matched: bool) -> list[LabelPanel]:
    """Equal colours for matched numbers; without a match every section has names and colours of its own."""
    if matched:
        return [
            LabelPanel(section.name, section.obs[keys.DOMAIN].astype(str).astype(int).to_numpy())
            for section in sections
        ]
    joined = joined_obs(sections, matched=False)[keys.DOMAIN].cat
    names = dict(enumerate(joined.categories, start=1))
    return [
        LabelPanel(section.name, joined.codes.to_numpy()[rows] + 1, "not matched", names)
        for section, rows in in_turn(sections)
    ]


def _region_panel(section: CohortSection, names: tuple[str, ...]) -> LabelPanel:
    """Called regions of a section that was named, else the annotation, as of one that teaches."""
    regions = {region_number(place): name for place, name in enumerate(names)}
    place = {name: number for number, name in regions.items()}
    named = keys.REGION_CALL in section.obs
    column, note = (keys.REGION_CALL, "called") if named else (keys.ANNOTATION, "annotation")
    if column not in section.obs:
        return LabelPanel(
            section.name, np.zeros(len(section.obs), dtype=int), "not named", regions, "not named"
        )
    numbers = section.obs[column].astype(object).map(lambda label: place.get(str(label), 0)).to_numpy(int)
    rest = keys.UNSURE if named else "unlabelled"
    return LabelPanel(section.name, numbers, note, regions, rest)


def _aspect(position: np.ndarray) -> float:
    width, height = np.ptp(position[:, 0]), np.ptp(position[:, 1])
    return float(height / width) if width and height else 1.0
