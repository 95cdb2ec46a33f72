"""Set-up: a missing tool is named in one line, and versions have one source."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What set-up takes for granted on any Linux
COMMON = ("bash", "dirname", "env", "head", "make", "sed", "sh", "sort")


def java(version: str) -> str:
    return f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n"


@pytest.fixture
def machine(tmp_path):
    """A PATH with the common tools, Python, Java and Maven, from which a test takes something away."""
    for name in COMMON:
        (tmp_path / name).symlink_to(shutil.which(name))
    for name, text in {
        "python3": "#!/bin/sh\nexit 0\n",
        "java": java("17.0.1"),
        "mvn": "#!/bin/sh\nexit 0\n",
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def missing(machine: Path) -> str:
    """What `make setup` would say is missing on this machine."""
    finished = subprocess.run(
        [str(machine / "bash"), str(ROOT / "engine" / "check-tools"), "python3"],
        env={"PATH": str(machine)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode == (1 if finished.stderr else 0)
    assert len(finished.stderr.splitlines()) <= 1
    return finished.stderr


def test_a_complete_machine_misses_nothing(machine):
    assert missing(machine) == ""


def test_everything_missing_is_said_in_one_line(machine):
    for name in ("python3", "java", "mvn"):
        (machine / name).unlink()
    said = missing(machine)
    for tool in ("Python 3.11 or newer", "Java 17 or newer", "Maven"):
        assert tool in said


def test_an_old_java_is_named_with_its_version(machine):
    (machine / "java").write_text(java("11.0.2"))
    assert "Java 17 or newer ('java' is version 11)" in missing(machine)


def test_an_old_python_is_named_with_its_version(machine):
    (machine / "python3").write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    assert "Python 3.11 or newer ('python3' is Python 3.9.2" in missing(machine)


def test_maven_is_not_needed_where_nextflow_is_recent(machine):
    (machine / "mvn").unlink()
    (machine / "nextflow").write_text("#!/bin/sh\necho nextflow version 25.10.0.1\n")
    (machine / "nextflow").chmod(0o755)
    assert missing(machine) == ""


def test_make_setup_stops_with_that_line(machine):
    (machine / "java").unlink()
    finished = subprocess.run(
        ["make", "--directory", ROOT, "setup"],
        env={"PATH": str(machine), "HOME": os.environ["HOME"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.returncode != 0
    assert "Cannot set up, missing: Java 17 or newer" in finished.stderr


def test_images_have_the_version_of_manifest_and_package_and_names_of_no_registry():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    manifest = re.search(r"^ *version +=  *'(.+)'$", (ROOT / "nextflow.config").read_text(), re.MULTILINE)
    names = {
        (path.name, name)
        for path in (ROOT / "conf").glob("*.config")
        for name in re.findall(r"^ *container += '(.+)'", path.read_text(), re.MULTILINE)
    }
    assert manifest
    assert package == manifest[1]
    # (no name of a registry: whoever took it there would run code here)
    assert names == {
        ("base.config", f"localhost/tissuegraph:{package}-cpu"),
        ("gpu.config", f"localhost/tissuegraph:{package}-cuda"),
    }


def test_the_conda_environment_names_the_lock_it_stands_for():
    digest = hashlib.sha256((ROOT / "containers" / "requirements.lock").read_bytes()).hexdigest()[:16]
    assert f"# requirements.lock {digest}\n" in (ROOT / "containers" / "environment.yml").read_text(), (
        "run `make lock`, or Nextflow would reuse conda environments of the old lock"
    )


def test_the_lock_has_a_hash_for_every_package_and_no_address():
    text = (ROOT / "containers" / "requirements.lock").read_text()
    packages = re.findall(r"^[a-z0-9][^\n]*==(?:[^\n]*\\\n)(?:[^\n]*\n)", text, re.MULTILINE)
    assert packages
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text


def test_no_file_of_the_engine_names_a_repository_host():
    names = re.findall(r"https?://[^\s\"']+", (ROOT / "engine" / "pom.xml").read_text())
    assert names == ["http://maven.apache.org/POM/4.0.0"]
