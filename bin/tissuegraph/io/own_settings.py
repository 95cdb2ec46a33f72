"""What a final h5ad of an earlier run says of its slice, in uns['tissuegraph']."""

from __future__ import annotations

from typing import Any

from tissuegraph import keys
from tissuegraph.io.hdf5 import decoded, values
from tissuegraph.io.platforms import PLATFORMS


def is_ours(file: Any) -> bool:
    """Whether this pipeline wrote an open AnnData file."""
    return f"uns/{keys.TISSUEGRAPH}/{keys.PITCH_PX}" in file


def setting(file: Any, name: str) -> float | None:
    """A number, None where it is not said; raises InputError for anything else."""
    node = file.get(f"uns/{keys.TISSUEGRAPH}/{name}")
    return float(values(node, "iuf", 0)) if node is not None else None


def origin(file: Any) -> str | None:
    """The platform that the slice was first read from; None where the file names none that is known."""
    node = file.get(f"uns/{keys.TISSUEGRAPH}/platform")
    if getattr(node, "shape", None) != () or node.dtype.kind not in "SO":
        return None
    name = decoded(node[()], node.name)
    return name if name in PLATFORMS else None
