#!/usr/bin/env python3
"""Hold a run on the generated slices against the answers of the last release: `make agreement`.

\b
    agreement.py .agreement/results            write assets/agreement.json, which every receipt shows
    agreement.py .agreement/results --release  these are the answers of a release: later versions meet them

The answers of the last release are kept in tests/data/agreement.json.
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]

from helpers.agreement import answers_of, compare, sentence  # noqa: E402

from tissuegraph import __version__  # noqa: E402

REFERENCE = ROOT / "tests" / "data" / "agreement.json"
TOLD = ROOT / "assets" / "agreement.json"


@click.command(help=__doc__)
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--release", is_flag=True, help="Keep these answers as those of a release.")
def main(results: Path, release: bool) -> None:
    today = str(datetime.date.today())
    found = {"version": __version__, "date": today, "slices": answers_of(results / "slices")}
    first = not REFERENCE.exists()
    if first and not release:
        raise click.ClickException(f"{REFERENCE} is not there: give --release to write it")
    if release:
        _write(REFERENCE, {**found, "first": first})
    reference = json.loads(REFERENCE.read_text(encoding="utf-8"))
    if reference["version"] == __version__ and not reference["first"]:
        click.echo(f"{REFERENCE} holds the answers of {__version__}: {TOLD} stays as it is")
        return
    told = _told(found, reference)
    _write(TOLD, told)
    click.echo(told["sentence"])
    click.echo(json.dumps(told["slices"], indent=1))


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _told(found: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    agreement = compare(found["slices"], reference["slices"])
    return {
        "version": found["version"],
        "date": found["date"],
        "reference": {"version": reference["version"], "date": reference["date"]},
        "sentence": sentence(found["version"], reference["version"], agreement),
        "slices": agreement,
    }


if __name__ == "__main__":
    main()
