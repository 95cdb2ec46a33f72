"""How a run opens, as a project of its own: what main.nf does before it touches a slice.

The engine reads the whole pipeline before it runs a line of it: most of what a run costs that is refused.
"""

from __future__ import annotations

import re
from pathlib import Path

from helpers.engine import ROOT

FIRST_AFTER = "    // Prepare:"  # the first step of main.nf that touches slices


def write_opening(folder: Path) -> Path:
    """Make `folder` this project, of which main.nf ends where the first slice would be touched."""
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name not in ("main.nf", ".git"):
            (folder / path.name).symlink_to(path)
    before, found, _after = (ROOT / "main.nf").read_text().partition(FIRST_AFTER)
    assert found, "main.nf has no such step"
    head, body = before.split("workflow {")
    used = [
        line for line in head.splitlines() if not (name := included(line)) or re.search(rf"\b{name}\b", body)
    ]
    (folder / "main.nf").write_text("\n".join(used) + "\nworkflow {" + body + "}\n")
    return folder


def included(line: str) -> str | None:
    """The name that a line of a script includes; None where it includes none."""
    found = re.match(r"include \{ (\w+)", line)
    return found[1] if found else None
