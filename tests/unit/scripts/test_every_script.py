"""No script without a test."""

import os
import re


def test_every_script_is_run_by_a_test_in_this_folder(root):
    here = root / "tests" / "unit" / "scripts"
    told = "\n".join(
        path.read_text() for path in here.glob("test_*.py") if path.name != "test_every_script.py"
    )
    run = set(re.findall(r"(?:run_script|invoke_script)\(\s*\"(\w+)\"", told))
    scripts = {path.stem for path in (root / "bin").glob("*.py")}
    assert scripts
    assert scripts <= run


def test_every_script_can_be_run_as_a_task_runs_it(root):
    scripts = list((root / "bin").glob("*.py"))
    assert [path.name for path in scripts if not os.access(path, os.X_OK)] == []
