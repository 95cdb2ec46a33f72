"""The interactions of one slice, as files: the table of pairs on borders, a figure of the leading ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tissuegraph.characterise.interactions import (
    LEAST_EDGES,
    LEAST_EXPRESSING,
    borders,
    interactions,
    matched_pairs,
)
from tissuegraph.characterise.output import add_figure
from tissuegraph.characterise.subject import read_subject
from tissuegraph.characterise.tables import rows_of, write_csv
from tissuegraph.figures.interactions import interaction_figure
from tissuegraph.io.ligand_receptor import read_pairs
from tissuegraph.io.text import listed
from tissuegraph.records import Record

SHOWN = 20  # rows of the report
_PAIRS, _PLACES = 15, 16  # of the figure
_FEW = 0.5  # share of the pairs that a slice should measure


def write_interactions(
    record: Record,
    h5ad: Path,
    pairs_path: Path,
    n_permutations: int,
    seed: int,
    outdir: Path,
    formats: Sequence[str],
) -> None:
    """Write SAMPLE.interactions.csv and the figure. Where nothing can be tested a note says so, and neither
    is written. Raises InputError for a table that cannot be read.
    """
    pairs = read_pairs(pairs_path)
    subject = read_subject(h5ad)
    matched = matched_pairs(subject, pairs)
    record.metrics |= {"by": subject.by, "n_pairs": len(pairs), "n_measured": len(matched.pairs)}
    n_whole = len(pairs) - matched.missing
    if n_whole < _FEW * len(pairs):
        names = listed([str(name) for name in subject.symbols[:3]], 3)
        record.note(
            f"interactions: {n_whole} of {len(pairs)} pairs have all their genes in the slice, "
            f"whose genes are called {names}, ..."
        )
    touching = borders(subject)
    record.metrics["n_borders"] = len(touching)
    frame = interactions(subject, matched, n_permutations=n_permutations, seed=seed)
    if not len(frame):
        record.note(
            f"no interactions: none of {len(matched.pairs)} pairs is in {LEAST_EXPRESSING} spots on both "
            f"sides of one of {len(touching)} borders of {LEAST_EDGES} edges or more"
        )
        return
    write_csv(frame, outdir / f"{record.sample}.interactions.csv")
    if subject.inferred:
        record.note("interactions: expression is inferred from the image, so there are no p values")
    told = frame["p_adjusted"] <= 0.05
    record.metrics |= {
        "n_permutations": n_permutations,
        "n_tested": len(frame),
        "n_below_5_percent": None if subject.inferred else int(told.sum()),
        "rows": rows_of(frame.head(SHOWN)),
    }
    add_figure(record, leading_figure(frame), "interactions", outdir, formats)


def leading_figure(frame: pd.DataFrame):
    """The best pairs by their best place, and the places where these are best."""
    names = frame["ligand"] + " – " + frame["receptor"]
    places = frame["sender"] + " → " + frame["receiver"]
    pairs = names.drop_duplicates().head(_PAIRS).tolist()
    among = names.isin(pairs)
    columns = places[among].drop_duplicates().head(_PLACES).tolist()
    tables = [
        frame.assign(pair=names, place=places)
        .pivot_table(index="pair", columns="place", values=value, aggfunc="first", dropna=False)
        .reindex(index=pairs, columns=columns)
        .to_numpy(float)
        for value in ("effect", "score", "p_adjusted")
    ]
    order = np.argsort(columns, kind="stable")
    return interaction_figure(pairs, [columns[k] for k in order], *(table[:, order] for table in tables))
