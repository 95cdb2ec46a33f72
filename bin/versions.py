#!/usr/bin/env python3
"""Print `name: version` for this pipeline, Python and each installed distribution named.

Every task runs this. It reads the metadata where it lies: loading importlib.metadata takes longer than
all the rest.
"""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))


def version(name: str) -> str:
    """Version of a distribution; raises PackageNotFoundError where it is not installed."""
    wanted = plain(name)
    for folder in sys.path:
        for entry in os.listdir(folder) if os.path.isdir(folder) else ():
            if entry.endswith(".dist-info") and plain(entry.rpartition("-")[0].rpartition("-")[0]) == wanted:
                found = value_in(os.path.join(folder, entry, "METADATA"), "Version:")
                if found:
                    return found
    from importlib import metadata  # knows all other ways to be installed

    return metadata.version(name)


def plain(name: str) -> str:
    """The name as all its spellings: `scikit_learn` and `Scikit-Learn` are one distribution."""
    return name.lower().replace("_", "-").replace(".", "-")


def value_in(path: str, key: str) -> str:
    """What stands behind a key at the beginning of a line, without quotes; empty where there is none."""
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8") as lines:
        return next((line[len(key) :].strip(' "\n') for line in lines if line.startswith(key)), "")


if __name__ == "__main__":
    print("tissuegraph:", value_in(os.path.join(HERE, "tissuegraph", "__init__.py"), "__version__ ="))
    print("python:", ".".join(map(str, sys.version_info[:3])))
    for distribution in sys.argv[1:]:
        print(f"{distribution}: {version(distribution)}")
