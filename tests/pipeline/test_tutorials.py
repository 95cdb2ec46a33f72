"""The tutorials, typed as they stand: every command works, and what is shown is what appears."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import ROOT

pytestmark = [pytest.mark.pipeline, pytest.mark.long]

TUTORIALS = ROOT / "docs" / "tutorials"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "==== end of block ===="
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
FAR = 0.2  # shares of numbers and scores may differ by that between processors


@dataclass(frozen=True)
class Typed:
    """What the commands of a tutorial printed, beside what it shows, and where it was typed."""

    text: str
    folder: Path
    blocks: tuple[tuple[str, str | None], ...]  # printed, and shown (None where the tutorial shows nothing)


def steps(text: str) -> list[tuple[str, str | None]]:
    """Every block of commands with the output that the tutorial shows right after it, if any."""
    fences = FENCE.findall(text)
    return [
        (content, fences[k + 1][1] if fences[k + 1 : k + 2] and fences[k + 1][0] == "text" else None)
        for k, (kind, content) in enumerate(fences)
        if kind == "bash"
    ]


def type_in(folder: Path, name: str) -> Typed:
    """Type all commands of a tutorial into one shell, in a folder that is empty but for a configuration:
    no tutorial says what domains mean, which is a third of a small run, and asked for in test_biology.
    """
    (folder / "nextflow.config").write_text("params.characterise = 'none'\n")
    text = (TUTORIALS / f"{name}.md").read_text()
    found = steps(text)
    script = "set -euo pipefail\n" + "".join(f"{commands}echo '{MARK}'\n" for commands, _ in found)
    environment = {
        **os.environ,
        **{"TISSUEGRAPH": str(ROOT), "TISSUEGRAPH_ENGINE": "bundled"},
        **{"NXF_HOME": str(folder / ".nxf"), "NXF_ANSI_LOG": "false"},
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.split(f"{MARK}\n")
    blocks = tuple((each, shown) for each, (_, shown) in zip(printed, found, strict=False))
    return Typed(text, folder, blocks)


def assert_alike(printed: str, shown: str) -> None:
    """The same words, and numbers that are close."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split()
    for one, other in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        assert abs(float(one) - float(other)) <= FAR * max(1.0, abs(float(other))), (printed, shown)


@pytest.fixture(scope="module", params=sorted(path.stem for path in TUTORIALS.glob("*.md")))
def typed(request, tmp_path_factory):
    return type_in(tmp_path_factory.mktemp("tutorial"), request.param)


def test_what_appears_is_what_the_tutorial_shows(typed):
    assert any(shown for _, shown in typed.blocks)
    for printed, shown in typed.blocks:
        if shown is not None:
            assert_alike(printed, shown)


def test_every_result_that_the_tutorial_names_is_there(typed):
    named = set(re.findall(r"`(results/[^`<*]+)`", typed.text))
    assert len(named) >= 4
    assert [name for name in sorted(named) if not (typed.folder / name).exists()] == []


def test_pictures_of_the_tutorial_are_there_and_small(typed):
    pictures = re.findall(r"!\[.*?\]\((.+?)\)", typed.text)
    for picture in pictures:
        assert (TUTORIALS / picture).stat().st_size < 150_000
