"""Run the scripts of bin/, as the engine does or, where a test runs one often, within this process."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

BIN = Path(__file__).resolve().parents[2] / "bin"


def run_script(name: str, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `name`.py in the directory `cwd`, in a process of its own."""
    command = [sys.executable, str(BIN / f"{name}.py"), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def invoke_script(name: str, *words: object) -> Result:
    """Call the command of `name`.py here: faster, for the libraries that it needs are loaded once."""
    importlib.import_module("anndata")  # all of it: other tests may need what scripts leave out
    command = importlib.import_module(name).main
    return CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)
