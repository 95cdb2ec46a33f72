"""No script without a test."""

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
