"""Licences of what the images bring: the table is the lock's, and nobody's licence is guessed."""

from __future__ import annotations

import importlib.util
import re
import sys
from email.message import Message
from importlib.metadata import PackageNotFoundError

import pytest


@pytest.fixture(scope="module")
def licences(root):
    """The script that writes the table."""
    spec = importlib.util.spec_from_file_location("licences", root / "containers/licences.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["licences"] = module  # (dataclasses look their module up)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(root) -> dict[str, list[str]]:
    """Version, licence and images of every package of containers/licences.md, by name."""
    page = (root / "containers/licences.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {name: rest for name, *rest in rows[2:]}


class Installed:
    """A package with the given metadata and no licence file."""

    files = ()

    def __init__(self, *lines: tuple[str, str]):
        self.metadata = Message()
        for name, value in (("Name", "something"), *lines):
            self.metadata[name] = value


def test_the_table_has_every_package_in_the_version_of_the_lock(licences, table, root):
    locked = licences.locked((root / "containers/requirements.lock").read_text())
    assert len(table) > 100
    assert {name: version for name, (version, *_) in table.items()}.items() <= locked.items(), (
        "run `make licences`: the lock has other versions"
    )


def test_the_table_is_what_the_metadata_say(licences, root):
    try:
        found = licences.packages()
    except PackageNotFoundError as problem:
        pytest.skip(f"{problem}: this environment is not the lock's, e.g. without CUDA")
    assert licences.page(found) == (root / "containers/licences.md").read_text(), "run `make licences`"


def test_development_tools_are_not_in_it_and_cuda_in_one_image_only(table):
    assert not {"pytest", "ruff", "nf-core", "pdoc", "grimp"} & set(table)
    assert {"multiqc", "igraph", "imagecodecs", "pyarrow"} <= set(table)
    assert table["torch"][2] == "cpu, cuda"
    nvidia = [images for licence, images in (rest[1:] for rest in table.values()) if "NVIDIA" in licence]
    assert nvidia
    assert set(nvidia) == {"cuda"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("License-Expression", "MIT AND Zlib"), ("License", "BSD")], "MIT AND Zlib"),
        ([("License", "Apache License 2.0")], "Apache-2.0"),
        (
            [("Classifier", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)")],
            "GPL-3.0-only",
        ),
        ([("License", "BSD License\n ... Neither the name of ...")], "BSD-3-Clause"),
        ([("License", "BSD")], "BSD-2-Clause"),
    ],
)
def test_licences_are_read_from_metadata(licences, lines, expected):
    assert licences.licence(Installed(*lines)) == expected


def test_a_licence_that_is_not_told_is_refused_with_the_remedy(licences):
    with pytest.raises(
        ValueError, match=r"something: licence \['free for friends'\] - expected an entry in TOLD"
    ):
        licences.licence(Installed(("License", "free for friends")))


def test_the_lock_is_read_for_python_311_on_linux(licences):
    lock = "\n".join(
        [
            "Some_Thing==1.0 \\\n    --hash=sha256:0",
            "other==1 ; python_full_version < '3.12' \\\n    --hash=sha256:0",
            "other==2 ; python_full_version >= '3.12' \\\n    --hash=sha256:0",
            "elsewhere==3 ; sys_platform == 'win32' \\\n    --hash=sha256:0",
        ]
    )
    assert licences.locked(lock) == {"some-thing": "1.0", "other": "1"}


def test_the_expressions_name_each_licence_once(licences):
    packages = [
        licences.Package(str(n), "1", text) for n, text in enumerate(["MIT", "A OR B", "MIT AND Zlib"])
    ]
    assert licences.expression(packages) == "(A OR B) AND MIT AND Zlib"


def test_every_spdx_name_in_the_table_is_one(table):
    for name, (_, licence, _) in table.items():
        for part in re.split(r" AND | OR | WITH ", licence):
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", part), (name, licence)
