"""The pages of the package: everything public says what it is, and the pages are made from that."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec

import pytest


def undocumented(module: ast.Module, name: str) -> list[str]:
    """The module and its public classes and functions that have no docstring."""
    public = [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    found = [(name, module), *((f"{name}: {node.name}", node) for node in public)]
    return [place for place, node in found if not ast.get_docstring(node)]


def test_every_module_and_every_public_function_and_class_says_what_it_is(root):
    missing = [
        line
        for path in sorted((root / "bin").rglob("*.py"))
        for line in undocumented(ast.parse(path.read_text()), str(path.relative_to(root)))
        if path.read_text().strip()
    ]
    assert not missing


@pytest.mark.long
def test_the_pages_are_built_without_a_warning_and_show_what_docstrings_say(root, tmp_path):
    if find_spec("pdoc") is None:
        pytest.skip("pdoc is not installed here")
    built = subprocess.run(
        [sys.executable, root / "docs" / "api" / "build.py", tmp_path],
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert (built.returncode, built.stderr) == (0, "")
    page = (tmp_path / "tissuegraph" / "io" / "reading.html").read_text()
    assert "read_slice" in page
    modules = {path.stem for path in (root / "bin" / "tissuegraph" / "io").glob("*.py")} - {"__init__"}
    assert modules <= {path.stem for path in (tmp_path / "tissuegraph" / "io").glob("*.html")}
