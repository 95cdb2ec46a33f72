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

from .conftest import ROOT

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


def _first_statement(path: Path, function: str) -> ast.stmt:
    """Of a function of a module, after its docstring."""
    found = next(
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return found.body[1 if ast.get_docstring(found) else 0]
