#!/usr/bin/env python3
"""Run the script of one step on several slices, one after another: its libraries load once for all."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from tissuegraph.cli import existing_file


@click.command()
@click.argument("script")
@click.argument("commands", type=existing_file)
def main(script: str, commands: Path) -> None:
    """Run SCRIPT (train.py) once for each of COMMANDS, a JSON list of maps:

    \b
    folder: where it runs, and where its outputs appear
    files:  folder within that -> files and directories, which are linked there under their own names
    words:  what the script is told; paths start in its folder

    Paths of folder and files start where this runs. The slices share the process and nothing else. One that
    ends with another status than 0 keeps none of the others from running; the largest status is that of all,
    so that a slice without memory (137) has the engine try them again with more.
    """
    command = import_module(Path(script).stem).main
    entries = json.loads(commands.read_text(encoding="utf-8"))
    sys.exit(max((run(command, script, entry) for entry in entries), default=0))


def run(command: click.Command, script: str, entry: Mapping[str, Any]) -> int:
    """Run a command as one entry of COMMANDS says; the status with which a process of its own would end."""
    home = Path.cwd()
    folder = home / entry["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    for place, files in entry.get("files", {}).items():
        link_into(folder / place, [home / name for name in files])
    os.chdir(folder)
    try:
        # (warnings that were told once are told again)
        with warnings.catch_warnings():
            return command.main(entry["words"], prog_name=script, standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except click.Abort:
        raise
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        os.chdir(home)
        gc.collect()  # what refers to itself in a circle would still lie beside the next slice


def link_into(folder: Path, paths: list[Path]) -> None:
    """Links to these paths under their own names; raises FileExistsError where two have the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        (folder / path.name).symlink_to(os.path.relpath(path, folder))


if __name__ == "__main__":
    main()
