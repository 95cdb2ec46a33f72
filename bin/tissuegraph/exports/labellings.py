"""Labellings of spots as tables of two columns, which viewers of 10x import."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tissuegraph import keys

_SHOWN = (keys.DOMAIN, keys.DOMAIN_JOINT, keys.REGION_CALL, keys.REGION, keys.ANNOTATION)  # the first ones
_CONTROLS = {keys.DOMAIN_PCA_KMEANS}


def labellings(obs: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Names and labels (N,) of domains, regions and annotation; one that repeats another comes once."""
    others = sorted(name for name in obs if re.fullmatch(f"{keys.DOMAIN}_.+", name))
    names = [name for name in dict.fromkeys([*_SHOWN, *others]) if name in obs and name not in _CONTROLS]
    seen: list[np.ndarray] = []
    for name in names:
        if not isinstance(obs[name].dtype, pd.CategoricalDtype):
            continue  # e.g. the confidence
        labels = obs[name].astype(object).where(obs[name].notna(), "").astype(str)
        values = labels.to_numpy(str)
        if (values == "").all() or any(np.array_equal(values, other) for other in seen):
            continue
        seen.append(values)
        yield name, labels


def write_labellings(obs: pd.DataFrame, stem: Path, header: Sequence[str], *, own_header: bool) -> list[Path]:
    """Write `<stem>.<labelling>.csv` for each labelling; spots without a label are left out.

    header: of the two columns; own_header: whether the second one is called after the labelling instead.
    """
    written = []
    for name, labels in labellings(obs):
        path = Path(f"{stem}.{name}.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow([header[0], name if own_header else header[1]])
            rows.writerows((spot, label) for spot, label in labels.items() if label)
        written.append(path)
    return written
