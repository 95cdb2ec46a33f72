"""The sections of a group as their patients' domains: what each spot is of, without its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.cohorts.design import Member
from tissuegraph.errors import InputError
from tissuegraph.io.hdf5 import strings
from tissuegraph.io.intermediate import reading
from tissuegraph.io.stored import open_own
from tissuegraph.records import Record, read_record


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """One section of N spots; codes: (N,) int from 0 into the group's names, -1 for spots of none;
    depth: median counts of a spot; annotated: whether its annotation stands for its regions, as it taught;
    inferred: whether its expression was inferred from the image.
    """

    member: Member
    path: Path
    codes: np.ndarray
    depth: float
    annotated: bool = False
    inferred: bool = False

    @property
    def name(self) -> str:
        return self.member.sample


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """by: `region` or `domain`; names: (K,) of all sections, places: (K,) of each name among all that the
    column knows, from 0; sections: those that can be compared; left_out: those that were neither named nor
    taught, empty: those of which no spot is in any domain, by name.
    """

    by: str
    names: tuple[str, ...]
    places: tuple[int, ...]
    sections: tuple[Section, ...]
    left_out: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def n_domains(self) -> int:
        return len(self.names)


def read_group(folder: Path, design: Mapping[str, Member]) -> Group:
    """Every `<sample>.h5ad` of a folder by name, with its regions where the group was taught, else domains.

    A section that taught has no regions but its annotation, which stands for them: of the names that were
    taught. One that was neither named nor taught is left out, and so is one of which no spot is in any:
    its shares are not known. Raises InputError where there is no section.
    """
    paths = sorted(folder.glob("*.h5ad"))
    if not paths:
        raise InputError("no section of the group was assembled; see what their own steps say")
    found = [_read(path) for path in paths]
    taught = list(dict.fromkeys(name for each in found for name in each.get(keys.REGION, ((), ()))[1]))
    by = keys.REGION if taught else keys.DOMAIN
    known = taught or _in_order({name for each in found for name in each[keys.DOMAIN][1]})
    sections, left_out = [], []
    for path, columns in zip(paths, found, strict=True):
        member = design.get(path.stem, Member(sample=path.stem))
        annotated = by not in columns and member.teaches and keys.ANNOTATION in columns
        if by not in columns and not annotated:
            left_out.append(path.stem)
            continue
        codes, own = columns[keys.ANNOTATION if annotated else by]
        sections.append(
            Section(
                member=member,
                path=path,
                codes=_renamed(codes, own, known),
                depth=columns["depth"],
                annotated=annotated,
                inferred=columns["inferred"],
            )
        )
    return _without_empty(by, known, sections, left_out)


def numbers_match(records: Path, samples: Sequence[str]) -> bool:
    """Whether a domain's number means the same in all these sections, as the records below a folder say that
    their assembly left.
    """
    told: dict[str, bool] = {}
    for path in sorted(records.rglob("*.json")):
        with reading(path, "record"):
            entry = read_record(path)
        if entry.step == "assemble":
            told[entry.sample] = bool(entry.metrics.get("matched"))
    return all(told.get(sample, False) for sample in samples)


def say_what_is_compared(record: Record, group: Group) -> None:
    """Notes and warnings on what the names of a group's domains mean, and on sections that have none."""
    annotated = [section.name for section in group.sections if section.annotated]
    if annotated:
        record.note(
            f"the annotation of {', '.join(annotated)}, which taught, stands for the regions there; in the "
            "other sections regions are inferred, which is another way to draw a border"
        )
    inferred = [section.name for section in group.sections if section.inferred]
    if inferred:
        record.note(f"the {group.by}s of {', '.join(inferred)} rest on expression inferred from the image")
    if group.left_out:
        record.warn(
            f"{', '.join(group.left_out)} was neither named nor taught and is left out of what is compared "
            "by region"
        )
    if group.empty:
        record.warn(
            f"no spot of {', '.join(group.empty)} is in a {group.by}: left out, as its shares are not known"
        )


def _without_empty(by: str, known: Sequence[str], sections: Sequence[Section], left_out: list[str]) -> Group:
    """The group, of the names that have a spot anywhere, and of the sections that have one of any name."""
    filled = [section for section in sections if (section.codes >= 0).any()]
    if not filled:
        raise InputError(f"no spot of any section of the group is in a {by}; see what their own steps say")
    used = np.unique(np.concatenate([section.codes[section.codes >= 0] for section in filled]))
    place = np.full(len(known) + 1, -1)  # (the last is that of -1)
    place[used] = np.arange(len(used))
    return Group(
        by=by,
        names=tuple(known[k] for k in used),
        places=tuple(int(k) for k in used),
        sections=tuple(replace(section, codes=place[section.codes]) for section in filled),
        left_out=tuple(left_out),
        empty=tuple(section.name for section in sections if section not in filled),
    )


def _read(path: Path) -> dict[str, Any]:
    """Columns of labels, each as codes (N,) and categories, with `depth` and `inferred`."""
    with open_own(path) as file:
        obs, own = file["obs"], file["uns"].get(keys.TISSUEGRAPH, {})
        columns: dict[str, Any] = {
            name: (np.asarray(obs[name]["codes"][()], dtype=np.int64), _categories(obs[name]))
            for name in (keys.REGION, keys.DOMAIN, keys.ANNOTATION)
            if name in obs and hasattr(obs[name], "keys") and "codes" in obs[name]
        }
        if keys.DOMAIN not in columns:
            raise InputError(
                f"{path.name} has no obs[{keys.DOMAIN!r}]; expected the h5ad of an assembled slice"
            )
        counts = obs[keys.TOTAL_COUNTS][()] if keys.TOTAL_COUNTS in obs else np.zeros(1)
        columns["depth"] = float(np.median(counts)) if len(counts) else 0.0
        columns["inferred"] = keys.INFERRED in own and bool(own[keys.INFERRED][()])
    return columns


def _categories(node: Any) -> list[str]:
    return [str(name) for name in strings(node["categories"])]


def _renamed(codes: np.ndarray, own: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Codes into the names of the group, -1 for names that it does not know."""
    place = {name: k for k, name in enumerate(known)}
    table = np.array([*(place.get(name, -1) for name in own), -1])  # (the last is that of -1)
    return table[codes]


def _in_order(names: set[str]) -> list[str]:
    """Numbers by size, other names after them."""
    return sorted(names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))
