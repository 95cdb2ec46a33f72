"""Writes containers/licences.md: the licence of every package that the images bring.

Names and licences come from the metadata of the installed packages, versions from the lock:

    .venv/bin/python containers/licences.py > containers/licences.md
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
# What the images have, whatever runs this
IMAGE = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "implementation_name": "cpython",
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
}
# What torch for CPUs does without
CUDA_ONLY = re.compile(r"(nvidia-|cuda-)|triton$")
# Packages whose metadata say too little, by their own files
TOLD = {
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",  # empty; it only names other packages of NVIDIA
    "igraph": "GPL-2.0-or-later",  # "GPL"; igraph/__init__.py says which
    "nvidia-cusparselt-cu13": "LicenseRef-NVIDIA-Proprietary",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",  # "Dual License"
}
# Words of metadata, compared in lower case from their beginning
WORDS = (
    ("apache", "Apache-2.0"),
    ("mpl-2.0 and mit", "MPL-2.0 AND MIT"),
    ("mozilla public license 2.0", "MPL-2.0"),
    ("mit", "MIT"),
    ("isc", "ISC"),
    ("psf", "PSF-2.0"),
    ("python software foundation", "PSF-2.0"),
    ("gnu general public license v3", "GPL-3.0-only"),
    ("bsd-2", "BSD-2-Clause"),
    ("bsd-3", "BSD-3-Clause"),
    ("bsd 3", "BSD-3-Clause"),
)
PAGE = """# Licences

Written by `make licences` from the lock and the metadata of the packages; do not edit. The pipeline itself is
MIT and not part of the images. Libraries that a package carries inside (codecs, GDAL, OpenBLAS, a browser in
kaleido ...) have licences of their own, in `/opt/tissuegraph/lib/python3.11/site-packages/*.dist-info`; those
of Debian's packages are in `/usr/share/doc`. [What this means](README.md#licences) for whoever passes
an image on.

All of them, as an SPDX expression, by image:

- cpu: `{cpu}`
- cuda: `{cuda}`

| package | version | licence | image |
| --- | --- | --- | --- |
{rows}
"""


@dataclass(frozen=True)
class Package:
    """A package of an image, with its licence as an SPDX expression."""

    name: str
    version: str
    licence: str

    @property
    def images(self) -> str:
        """Images that have it."""
        return "cuda" if CUDA_ONLY.match(self.name) else "cpu, cuda"


def locked(lock: str) -> dict[str, str]:
    """Version of every package that the lock has for the images, by name."""
    lines = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.*?))?(?: \\)?$", lock, re.MULTILINE)
    return {
        canonicalize_name(name): version
        for name, version, marker in lines
        if not marker or Marker(marker).evaluate(IMAGE)
    }


def needed(declared: Iterable[str]) -> dict[str, Distribution]:
    """The declared packages and all that they need in an image, by name, as they are installed here.

    Raises PackageNotFoundError where one is not.
    """
    found: dict[str, Distribution] = {}
    seen = set()
    todo = [Requirement(line) for line in declared]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - {extra for other, extra in seen if other == name}:
            seen.add((name, extra))
            found[name] = distribution(name)
            requires = map(Requirement, found[name].requires or [])
            todo += [
                one for one in requires if not one.marker or one.marker.evaluate({**IMAGE, "extra": extra})
            ]
    return found


def licence(package: Distribution) -> str:
    """SPDX expression of a package's licence. Raises ValueError where its metadata do not tell."""
    about = package.metadata
    name = canonicalize_name(about["Name"])
    if name in TOLD:
        return TOLD[name]
    if about.get("License-Expression"):
        return about["License-Expression"]
    classifiers = [
        line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License")
    ]
    words = [about.get("License", "").strip(), *classifiers]
    for word in words:
        for start, expression in WORDS:
            if word.lower().startswith(start):
                return expression
    if any("BSD" in word for word in words):
        return bsd(package)
    raise ValueError(f"{name}: licence {words} - expected an entry in TOLD of containers/licences.py")


def bsd(package: Distribution) -> str:
    """Which of the BSD licences, by the sentence that the third clause begins with."""
    files = [
        file for file in package.files or [] if re.search(r"licen[cs]e|copying", file.name, re.IGNORECASE)
    ]
    texts = [
        package.metadata.get("License", ""),
        *(file.locate().read_text("utf-8", "replace") for file in files),
    ]
    return "BSD-3-Clause" if any("either the name" in text for text in texts) else "BSD-2-Clause"


def packages(root: Path = ROOT) -> list[Package]:
    """Every package of the images."""
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    versions = locked((root / "containers/requirements.lock").read_text())
    return [Package(name, versions[name], licence(found)) for name, found in sorted(needed(declared).items())]


def expression(found: Iterable[Package]) -> str:
    """One SPDX expression for packages that are passed on together."""
    parts = {part for package in found for part in package.licence.split(" AND ")}
    return " AND ".join(sorted(f"({part})" if " OR " in part else part for part in parts))


def page(found: list[Package]) -> str:
    """containers/licences.md."""
    rows = [f"| {one.name} | {one.version} | {one.licence} | {one.images} |" for one in found]
    cpu = [one for one in found if "cpu" in one.images]
    return PAGE.format(cpu=expression(cpu), cuda=expression(found), rows="\n".join(rows))


if __name__ == "__main__":
    try:
        print(page(packages()), end="")
    except (PackageNotFoundError, ValueError) as problem:
        raise SystemExit(f"Cannot list the licences: {problem}") from None
