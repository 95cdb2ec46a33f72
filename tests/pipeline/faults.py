"""Faults for single tasks of a real run, put there by its configuration and environment.

A fault is shell text that runs before the task of a slice: it ends the task, or puts a copy of the scripts
with one line more first on the PATH. The project that is run stays as it is.
"""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from .conftest import ROOT, Run, run_pipeline, without_counts, write_sheet

STEPS = ("ingest", "qc", "baseline", "graph", "train", "cluster", "assemble")  # a slice fails without any
FROM_IMAGE = ("encode_histology", "infer_expression")  # what a slice with counts can do without
UNFORESEEN = "KeyError('unforeseen')"


def trained_for(epochs: int) -> str:
    """Text of a preset that is the default one but for its epochs."""
    return f"extends: default\noptimiser:\n  epochs: {epochs}\n"


QUICK = trained_for(2)
QUICK_MULTIST = f"method: multist\n{QUICK}genes:\n  dec_epochs: 1\nfusion:\n  epochs: 1\n"
QUICK_SPAHGC = """extends: default
method: spahgc
panel: {n_genes: 60}
model: {width: 16, layers: 1}
optimiser: {epochs: 4}
validation: {folds: 2, every: 2}
"""

# faults.json holds the shell text and the number of attempts that it strikes, by "slice step method" or
# "slice step", or "step" alone where a task has no slice.
_CONFIG = """
process {
    beforeScript = {
        def faults = new groovy.json.JsonSlurper().parse(new File('FAULTS'), 'UTF-8')
        def step = task.process.tokenize(':').last().toLowerCase()
        def (slice, method) = task.tag ? task.tag.tokenize(' ') + [null] : [null, null]
        def names = [[slice, step, method], [slice, step]].collect { words -> words.findAll().join(' ') }
        def fault = names.findResult { name -> faults[name] }
        fault && task.attempt <= fault[1] ? fault[0] : 'true'
    }
}
"""


def exit_with(status: int) -> str:
    """A task that says something and ends with that status, before anything of ours runs."""
    return f"echo 'injected fault of \"quotes\" and <b>' >&2; exit {status}"


def write_faults(folder: Path, faults: Mapping[str, str | tuple[str, int]]) -> str:
    """Write a configuration with these faults, at every attempt or the first so many; its path."""
    pairs = {name: [fault, 99] if isinstance(fault, str) else fault for name, fault in faults.items()}
    (folder / "faults.json").write_text(json.dumps(pairs))
    path = folder / "faults.config"
    path.write_text(_CONFIG.replace("FAULTS", str(folder / "faults.json")))
    return str(path)


def with_line(folder: Path, line: str, function: str, modules: Iterable[str]) -> str:
    """A task whose scripts are a copy, made in `folder`, in which a function starts with that line."""
    copy = shutil.copytree(ROOT / "bin", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in modules:
        path = copy / module
        lines = path.read_text().splitlines()
        first = _first_statement(path, function)
        lines.insert(first.lineno - 1, " " * first.col_offset + line)
        path.write_text("\n".join(lines) + "\n")
    return f"export PATH='{copy}':\"$PATH\""


def raising(folder: Path, error: str) -> str:
    """A task whose script raises that where its work begins."""
    scripts = [f"{step}.py" for step in (*STEPS, *FROM_IMAGE)]
    return with_line(folder, f"raise {error}", "main", scripts)


def _first_statement(path: Path, function: str) -> ast.stmt:
    """Of a function of a module, after its docstring."""
    found = next(
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return found.body[1 if ast.get_docstring(found) else 0]


def rows(*names: str) -> list[dict[str, str]]:
    """Slices with counts and without image, all of one file."""
    path = str(ROOT / "tests" / "data" / "patchy.h5ad")
    return [{"sample": name, "path": path, "n_domains": "3"} for name in names]


def with_unreadable_image(folder: Path, row: dict[str, str]) -> dict[str, str]:
    """The row with an image that is cut off; with a matrix, nothing reads it before encoding."""
    (folder / "cut.png").write_bytes(next((ROOT / "tests" / "data").rglob("*hires*.png")).read_bytes()[:3000])
    (folder / "matrix.csv").write_text("1,0,0\n0,1,0\n0,0,1\n")
    return {**row, "image": str(folder / "cut.png"), "image_matrix": str(folder / "matrix.csv")}


def rows_with_images(folder: Path, group: str) -> list[dict[str, str]]:
    """Three slices of a group with counts and an image, one of which teaches, and two of an image alone."""
    data = ROOT / "tests" / "data"
    outs = without_counts(data / "layered" / "outs", folder)
    common = {"n_domains": "3", "group": group}
    references = {"unencoded": "layered", "uninferred": "layered", "raises_inferred": "old_layout"}
    counted = [{"sample": name, "path": str(data / of / "outs"), **common} for name, of in references.items()]
    counted[1] |= {"annotation": str(data / "layered" / "annotation.csv"), "teaches": "true"}
    targets = [
        {"sample": name, "path": outs, "role": "target", **common}
        for name in ("unencoded_target", "raises_target")
    ]
    return [*counted, *targets]


def run_with_faults(
    folder: Path, sheet: list[dict[str, str]], faults: Mapping[str, str | tuple[str, int]], *more: str
) -> Run:
    """A run of this sheet in `folder`, with short trainings and few figures."""
    (folder / "stmfg.yaml").write_text(QUICK)
    (folder / "multist.yaml").write_text(QUICK_MULTIST)
    (folder / "spahgc.yaml").write_text(QUICK_SPAHGC)
    return run_pipeline(
        folder,
        *("-c", write_faults(folder, faults)),
        *("--input", str(write_sheet(folder / "sheet.csv", sheet)), "--n_seeds", "1", "--figures", "png"),
        *("--stmfg_preset", str(folder / "stmfg.yaml"), "--multist_preset", str(folder / "multist.yaml")),
        *("--spahgc_preset", str(folder / "spahgc.yaml")),
        *more,
    )
