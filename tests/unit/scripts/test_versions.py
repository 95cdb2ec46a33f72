"""versions.py: what the report lists as software versions."""

import platform

import numpy
from helpers.scripts import run_script

import tissuegraph


def test_the_pipeline_python_and_the_named_distributions_are_listed_as_yaml_lines(tmp_path):
    done = run_script("versions", "numpy", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        f"tissuegraph: {tissuegraph.__version__}",
        f"python: {platform.python_version()}",
        f"numpy: {numpy.__version__}",
    ]


def test_a_distribution_that_is_not_installed_fails_the_task(tmp_path):
    assert run_script("versions", "nonesuch", cwd=tmp_path).returncode != 0
