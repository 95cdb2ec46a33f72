"""Who is compared with whom within a group: conditions, their patients, and which condition comes first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.io.text import plain
from tissuegraph.sheet.conditions import LEAST_PATIENTS

# Names of a condition, without case, blanks and signs, that others are compared with
CONTROLS = (
    *("control", "controls", "ctrl", "healthy", "normal", "untreated", "vehicle", "sham", "placebo"),
    *("wt", "wildtype", "baseline", "reference"),
)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A section of the group; patient and condition are None where the samplesheet says nothing."""

    sample: str
    patient: str | None = None
    condition: str | None = None
    teaches: bool = False

    @property
    def compared(self) -> bool:
        return self.patient is not None and self.condition is not None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two conditions, b against a, with the patients of each in order."""

    a: str
    b: str
    patients_a: tuple[str, ...]
    patients_b: tuple[str, ...]

    @property
    def tested(self) -> bool:
        """Whether both sides have patients enough for a test."""
        return min(len(self.patients_a), len(self.patients_b)) >= LEAST_PATIENTS

    @property
    def patients(self) -> tuple[str, ...]:
        return self.patients_a + self.patients_b

    def why_not(self) -> str:
        """In words, why the pair is described and not tested."""
        return (
            f"{self.b} against {self.a}: described, not tested, as it has {len(self.patients_b)} and "
            f"{len(self.patients_a)} patients and a test needs {LEAST_PATIENTS} of each"
        )


def read_design(path: Path) -> dict[str, Member]:
    """The members of a JSON list of {sample, patient, condition, teaches}, by sample.

    Raises InputError where a patient is of two conditions, as no paired comparison is made.
    """
    entries = json.loads(path.read_text(encoding="utf-8"))
    members = {
        str(entry["sample"]): Member(
            sample=str(entry["sample"]),
            patient=_text(entry.get("patient")),
            condition=_text(entry.get("condition")),
            teaches=bool(entry.get("teaches")),
        )
        for entry in entries
    }
    of_patient: dict[str, str] = {}
    for member in members.values():
        if member.compared and of_patient.setdefault(member.patient, member.condition) != member.condition:
            raise InputError(
                f"patient {member.patient!r} is of the conditions {of_patient[member.patient]!r} and "
                f"{member.condition!r}; expected one, as no paired comparison is made"
            )
    return members


def pairs_of(members: Sequence[Member]) -> list[Pair]:
    """Every pair of the conditions of these members, of patients that have one."""
    patients: dict[str, set[str]] = {}
    for member in members:
        if member.compared:
            patients.setdefault(member.condition, set()).add(member.patient)
    return [
        Pair(a=a, b=b, patients_a=tuple(sorted(patients[a])), patients_b=tuple(sorted(patients[b])))
        for a, b in combinations(levels_in_order(patients), 2)
    ]


def levels_in_order(levels: Mapping[str, object] | Sequence[str]) -> list[str]:
    """Conditions with the one others are compared with first: one called like a control, else by name."""
    return sorted(levels, key=lambda name: (_simple(name) not in CONTROLS, name))


def _simple(name: str) -> str:
    return "".join(letter for letter in plain(name) if letter.isalnum())


def _text(value: object) -> str | None:
    return None if value is None else str(value)
