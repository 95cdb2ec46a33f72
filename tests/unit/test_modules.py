"""The description of every module (meta.yml), held against the module itself (main.nf)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.parent for path in (ROOT / "modules" / "local").glob("*/main.nf"))
SECTION = re.compile(r"^    (input|output|script|exec|stub):$", re.MULTILINE)
ITEM = re.compile(r"(?:val|path)\(?\s*(?:\(\s*)?(\"[^\"]*\"|'[^']*'|\w+)")


def sections(text: str) -> dict[str, str]:
    """What stands under input:, output: ... of the one process of a module."""
    parts = SECTION.split(text)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def without_comment(line: str) -> str:
    return re.sub(r"\s//.*", "", line).strip()


def names(declaration: str) -> list[str]:
    """Names of the values and files of a declaration, `_code` and 'content/*' as code and content."""
    if declaration == "stdin":
        return ["stdin"]
    found = [name.strip("\"'").lstrip("_") for name in ITEM.findall(declaration)]
    return [name.removesuffix("/*") if declaration.startswith("path 'content") else name for name in found]


def described(items) -> list[str]:
    return [name for item in items for name in item]


@pytest.fixture(params=MODULES, ids=lambda module: module.name)
def module(request):
    """Name, sections of main.nf and content of meta.yml."""
    folder = request.param
    meta = yaml.safe_load((folder / "meta.yml").read_text())
    return folder.name, sections((folder / "main.nf").read_text()), meta


def test_meta_names_the_module(module):
    name, _, meta = module
    assert meta["name"] == name


def test_inputs_are_those_of_the_process_in_their_order(module):
    _, parts, meta = module
    lines = [without_comment(line) for line in parts["input"].splitlines() if line.strip()]
    assert described(meta["input"]) == [name for line in lines for name in names(line)]


def test_outputs_are_those_of_the_process_in_their_order(module):
    _, parts, meta = module
    emitted = {}
    for line in map(without_comment, parts.get("output", "").splitlines()):
        if found := re.search(r",\s*emit: (\w+)", line):
            files = re.sub(r"(arity|optional): [^,)]+", "", line[: found.start()])
            emitted[found.group(1)] = [name.strip("\"'") for name in ITEM.findall(files)]
    assert {name: described(items) for output in meta["output"] for name, items in output.items()} == emitted
