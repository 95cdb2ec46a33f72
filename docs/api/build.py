#!/usr/bin/env python3
"""Build the pages of the package from its docstrings: `make docs`.

\b
    docs/api/build.py            into docs/_build/api, to be opened at index.html

Every module of `bin/tissuegraph` is imported and every public name shown. What the generator warns of (a
module that cannot be imported, an annotation that names nothing) is an error.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "docs" / "_build" / "api"


def build(target: Path = BUILT) -> list[str]:
    """Write the pages into `target`; returns one line per thing that the generator warns of."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.path.insert(0, str(ROOT / "bin"))
    import pdoc
    import pdoc.render

    import tissuegraph

    pdoc.render.configure(
        docformat="markdown",
        footer_text=f"tissuegraph {tissuegraph.__version__}",
        show_source=False,  # it is in the repository
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pdoc.pdoc("tissuegraph", output_directory=target)
    # (packages that are imported on the way warn of their own affairs)
    own = Path(pdoc.__file__).parent
    return [str(each.message) for each in caught if Path(each.filename).is_relative_to(own)]


if __name__ == "__main__":
    found = build(*map(Path, sys.argv[1:2]))
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)
