#!/usr/bin/env python3
"""Print `name: version` for this pipeline, Python and each installed distribution named."""

import platform
import sys
from importlib.metadata import version

import tissuegraph

print(f"tissuegraph: {tissuegraph.__version__}")
print(f"python: {platform.python_version()}")
for distribution in sys.argv[1:]:
    print(f"{distribution}: {version(distribution)}")
