"""What is imported is declared, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

# Declared but never imported by name
INDIRECT = {
    "imagecodecs",  # tifffile decodes compressed slides with it
    "multiqc",  # called as a program
}
WHERE_INSTALLED = {"squidpy"}  # what a test tries where it happens to be
DEVELOPMENT_PROGRAMS = {
    "nf-core",
    "pdoc",
    "pytest-randomly",
    "pytest-xdist",
    "ruff",
}  # called, or loaded by pytest


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def imported(folder, own: set[str]) -> set[str]:
    """Distributions behind the imports of all scripts and modules, those through `require` included.

    own: names of scripts and modules of this project.
    """
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                if called in ("require", "importorskip") and node.args:
                    names |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    tops = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    known = packages_distributions()
    return {normal(known.get(top, [top])[0]) for top in tops - own}


@pytest.fixture(scope="module")
def own(root):
    scripts = {path.stem for folder in ("bin", "tests/benchmark") for path in (root / folder).glob("*.py")}
    return scripts | {"tissuegraph", "helpers", "no_such_package"}  # the last: what a test asks for in vain


@pytest.fixture(scope="module")
def declared(root):
    """Distributions that pyproject.toml asks for: to run, and to develop."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lists = project["dependencies"], project["optional-dependencies"]["dev"]
    return [{normal(re.match(r"[\w.-]+", line)[0]) for line in lines} for lines in lists]


def test_what_the_pipeline_imports_is_declared_and_nothing_else(root, own, declared):
    assert imported(root / "bin", own) | INDIRECT == declared[0]


def test_what_the_tests_import_is_declared(root, own, declared):
    run, develop = declared
    found = imported(root / "tests", own) - WHERE_INSTALLED
    assert found <= run | develop
    assert develop == (found - run) | DEVELOPMENT_PROGRAMS


def test_the_lock_pins_every_declared_distribution_and_names_no_address(root, declared):
    lock = (root / "containers/requirements.lock").read_text()
    pinned = {normal(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    assert set.union(*declared) <= pinned
    assert "://" not in lock
    assert "--index" not in lock.replace("--no-emit-index-url", "")
