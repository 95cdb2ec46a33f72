"""One group from the files of its sections: components, joint domains, verdict, and who stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tissuegraph.cohorts.components import Loadings, fit_loadings, smoothed_scores
from tissuegraph.cohorts.joint import JointDomains, joint_domains, separate_domains
from tissuegraph.cohorts.matching import match_domains
from tissuegraph.cohorts.standing_out import standing_out
from tissuegraph.cohorts.verdict import domain_shares, judge
from tissuegraph.errors import InputError
from tissuegraph.io.stored import StoredSlice, read_kept
from tissuegraph.records import Record
from tissuegraph.slices.preprocess import total_counts

Files = Mapping[str, tuple[Path, Path]]  # section -> its canonical slice and its table of spots


@dataclass(frozen=True, eq=False)
class Section:
    """components: smoothed shared components (N, D), not centred; position (N, 2); depth: median counts."""

    components: np.ndarray
    position: np.ndarray
    depth: float


def analyse(record: Record, files: Files, n_domains: int, seeds: Sequence[int], outdir: Path) -> None:
    """Write SECTION.components.npz into `outdir` and what was found into the record (inplace).

    Raises InputError where fewer than two sections are left or they share too few genes.
    """
    readable = _readable(record, files)
    loadings = fit_loadings([partial(read_kept, *files[name]) for name in readable])
    sections = {name: _section(read_kept(*files[name]), loadings) for name in readable}
    components = {name: section.components for name, section in sections.items()}
    joint = joint_domains(components, n_domains, seeds)
    separate = separate_domains(components, n_domains, seeds[0])
    depth = {name: section.depth for name, section in sections.items()}
    matched = match_domains(components, separate)
    for name, section in sections.items():
        _write(outdir / f"{name}.components.npz", section, joint[name])
    record.metrics |= {
        "sections": readable,
        "n_genes": len(loadings.genes),
        "n_domains": n_domains,
        "verdict": asdict(judge(components, joint, separate, depth)),
        "shares": shares_of_sections(joint),
        "standing_out": [entry.as_dict() for entry in standing_out(components, separate, matched, depth)],
    }


def _readable(record: Record, files: Files) -> list[str]:
    """Sections that can be read, in the order of names; the others are a warning each."""
    found = []
    for name in sorted(files):
        try:
            read_kept(*files[name])
        except InputError as error:
            record.warn(f"{name} has left the group: {error}")
        else:
            found.append(name)
    if len(found) < 2:
        raise InputError(f"a group needs at least two sections, got {len(found)}; its slices go on alone")
    return found


def _section(kept: StoredSlice, loadings: Loadings) -> Section:
    _, smoothed = smoothed_scores(loadings, kept)
    return Section(smoothed, kept.xy, float(np.median(total_counts(kept.counts))))


def _write(path: Path, section: Section, joint: JointDomains) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        components=section.components,
        position=section.position,
        **domains_to_store(joint),
    )


def domains_to_store(joint: JointDomains) -> dict[str, np.ndarray]:
    """Joint domains of one section by the names that results look for."""
    return {"joint": joint.labels, "joint_confidence": joint.confidence, "joint_per_seed": joint.per_seed}


def shares_of_sections(joint: Mapping[str, JointDomains]) -> dict[str, dict[str, float]]:
    """Domain number from 1, as text -> section -> share of the domain, sections counted alike."""
    names = sorted(joint)
    table = domain_shares({name: joint[name].labels for name in names})
    return {str(k): dict(zip(names, row.tolist(), strict=True)) for k, row in enumerate(table, start=1)}
