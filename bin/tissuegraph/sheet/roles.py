"""Who infers whose expression: the samplesheet's rules that look at several columns, rows or parameters.

Every finding is one line that names row and column, in the form of `tissuegraph.sheet.check`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from tissuegraph import keys
from tissuegraph.io.platforms import POSITION_SUFFIXES
from tissuegraph.sheet.schema import show

REFERENCE, TARGET, BOTH = "reference", "target", "both"
LOPO = "lopo"  # value of --evaluate: leave one patient out
_WITHOUT_SCALE = (".png", ".jpg", ".jpeg")  # whose resolution is that of paper

Row = Mapping[str, Any]


def has_positions_only(row: Row) -> bool:
    """Whether the row's path is a table of positions, by its name."""
    return row.get("path") is not None and PurePosixPath(row["path"]).suffix.lower() in POSITION_SUFFIXES


def wants_grid(row: Row) -> bool:
    """Whether a grid is to be laid over the image: no path, and an image or a spacing."""
    return row.get("path") is None and (row.get("image") is not None or row.get("spot_spacing") is not None)


def has_no_counts(row: Row) -> bool:
    """Whether there cannot be counts, as far as names tell."""
    return wants_grid(row) or has_positions_only(row)


def role_of(row: Row) -> str:
    """The role given, else `target` for a row that cannot have counts, else `reference`."""
    return row.get("role") or (TARGET if has_no_counts(row) else REFERENCE)


def row_problems(row: Row) -> Iterator[tuple[str, Any, str]]:
    """(column, value, what was expected) for what one row says against itself."""
    if wants_grid(row):
        grid = "as without a path a grid of spots is laid over the tissue"
        if row.get("image") is None:
            yield "image", None, f"expected a histology image, {grid}"
        if row.get("spot_spacing") is None:
            yield "spot_spacing", None, f"expected the distance between spots in micrometres, {grid}"
        elif _has_no_scale(row):
            what = f"as spot_spacing is in micrometres and {_suffix(row)} does not say the scale of a slide"
            yield keys.UM_PER_PX, None, f"expected micrometres per pixel, {what}"
    elif has_positions_only(row) and row.get("image") is None:
        yield "image", None, "expected a histology image, as path holds positions only"
    if row.get("image_matrix") is not None and row.get("image") is None:
        yield "image", None, "expected the histology image that image_matrix registers"
    if has_no_counts(row) and row.get("role") in (REFERENCE, BOTH):
        what = "path holds positions only" if row.get("path") else "a grid over an image has none"
        yield "role", row["role"], f"expected 'target', as only a slice with counts can serve others: {what}"


def _has_no_scale(row: Row) -> bool:
    """Whether nothing says the scale of a row without counts: no column, and a file of this kind cannot."""
    return row.get(keys.UM_PER_PX) is None and _suffix(row) in _WITHOUT_SCALE


def _suffix(row: Row) -> str:
    return PurePosixPath(row.get("image") or "").suffix.lower()


def cohort_problems(rows: Sequence[Row], params: Mapping[str, Any]) -> list[str]:
    """What the rows together, and with the parameters infer_expression, evaluate, reference_model and genes,
    cannot mean.
    """
    evaluate, model = params.get("evaluate"), params.get("reference_model")
    if not params.get("infer_expression"):
        return [*_without_inference(rows, params)]
    problems = [*_beside_a_model(params)] if model else [*_beside_references(rows, params)]
    if not evaluate and all(role_of(row) == REFERENCE for row in rows):
        problems.append(
            "parameter --infer_expression: nothing to infer - expected a row with the role target or both"
            + ("" if model else ", or --evaluate")
        )
    return problems


def _beside_references(rows: Sequence[Row], params: Mapping[str, Any]) -> Iterator[str]:
    """What is learned in this run, from rows of this sheet."""
    groups = _groups(rows).values()
    yield from (problem for group in groups for problem in _targets_without_help(group))
    if params.get("evaluate") == LOPO:
        yield from (problem for group in groups for problem in _targets_of_the_only_patient(group))
    if not params.get("assume_spacing"):
        yield from (line for group in groups for line in _targets_without_scale(group))
    if params.get("evaluate"):
        yield from _evaluation_problems(rows, params["evaluate"])


def _without_inference(rows: Sequence[Row], params: Mapping[str, Any]) -> Iterator[str]:
    """Rows and parameters that mean something with --infer_expression only."""
    for row in rows:
        if role_of(row) == TARGET:
            expected = "expected --infer_expression, or 'reference' where there are counts"
            yield problem_line(row, "role", TARGET, expected)
    for name in ("evaluate", "reference_model", "genes"):
        if params.get(name):
            yield f"parameter --{name}: {show(params[name])} - expected --infer_expression with it"


def _beside_a_model(params: Mapping[str, Any]) -> Iterator[str]:
    """Parameters of what is learned, where a model of an earlier run is used."""
    if params.get("evaluate"):
        yield (
            f"parameter --evaluate: {show(params['evaluate'])} - expected no --reference_model with it, as "
            "slices are held out of what this run learns; the role both compares a model with measured counts"
        )
    if params.get("spahgc_preset", "default") != "default":
        yield (
            f"parameter --spahgc_preset: {show(params['spahgc_preset'])} - expected none beside "
            "--reference_model, which keeps the settings that it was learned with"
        )


def _targets_without_help(rows: Sequence[Row]) -> Iterator[str]:
    serving = [row for row in rows if role_of(row) != TARGET]
    for row in rows:
        role = role_of(row)
        others = [other for other in serving if other is not row]
        if role != REFERENCE and not others:
            group = row.get("group")
            where = f"in the group {show(group)}" if group else "among the rows without a group"
            yield problem_line(row, "role", role, f"expected another row {where} that can be its reference")


def _targets_of_the_only_patient(rows: Sequence[Row]) -> Iterator[str]:
    """Rows to be inferred that leave-one-patient-out leaves without a reference: all are of their patient."""
    serving = [row for row in rows if role_of(row) != TARGET]
    for row in rows:
        patients = {other.get("patient") for other in serving if other is not row}
        if role_of(row) != REFERENCE and row.get("patient") is not None and patients == {row["patient"]}:
            yield problem_line(
                row,
                "patient",
                row["patient"],
                "expected a reference of another patient in the group, as --evaluate lopo lets no slice "
                "serve its own patient; or --evaluate loso",
            )


def _targets_without_scale(rows: Sequence[Row]) -> Iterator[str]:
    """Targets of positions whose scale nothing can say, beside references whose scale the sheet says."""
    told = next((row for row in rows if role_of(row) != TARGET and row.get(keys.UM_PER_PX) is not None), None)
    for row in rows:
        if told and has_positions_only(row) and _has_no_scale(row):
            yield problem_line(
                row,
                keys.UM_PER_PX,
                None,
                f"expected micrometres per pixel, as row {told['row']}, its reference, has them and "
                f"{_suffix(row)} does not say the scale of a slide; or --assume_spacing",
            )


def _evaluation_problems(rows: Sequence[Row], evaluate: str) -> list[str]:
    """Folds need two slices that serve, or two patients, in at least one group."""
    serving = [[row for row in group if role_of(row) != TARGET] for group in _groups(rows).values()]
    candidates = [group for group in serving if len(group) > 1]
    if not candidates:
        return [f"parameter --evaluate: {show(evaluate)} - expected a group with at least two references"]
    if evaluate != LOPO:
        return []
    problems = [
        problem_line(row, "patient", None, "expected the patient, as --evaluate lopo holds patients out")
        for group in candidates
        for row in group
        if row.get("patient") is None
    ]
    if not problems and all(len({row["patient"] for row in group}) < 2 for group in candidates):
        problems.append(
            "parameter --evaluate: 'lopo' - expected a group with references of at least two patients"
        )
    return problems


def cohort_notices(rows: Sequence[Row], params: Mapping[str, Any]) -> list[str]:
    """What is allowed but may not be meant: groups of which nothing is held out."""
    evaluate = params.get("evaluate")
    if not (evaluate and params.get("infer_expression")):
        return []
    lines = []
    for group, members in _groups(rows).items():
        serving = [row for row in members if role_of(row) != TARGET]
        whose = f"the group {show(group)}" if group else "the rows without a group"
        patients = {row.get("patient") for row in serving}
        if len(serving) == 1:
            lines.append(f"--evaluate holds nothing out of {whose}: there is one reference only")
        elif evaluate == LOPO and len(serving) > 1 and len(patients) == 1:
            lines.append(f"--evaluate lopo holds nothing out of {whose}: all references are of one patient")
    return lines


def _groups(rows: Sequence[Row]) -> dict[str | None, list[Row]]:
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.get("group"), []).append(row)
    return groups


def problem_line(row: Row, column: str, value: Any, expected: str) -> str:
    """One finding about one row in the words of all others."""
    received = "empty" if value is None else show(value)
    return f"samplesheet row {row['row']}, column {column}: {received} - {expected}"
