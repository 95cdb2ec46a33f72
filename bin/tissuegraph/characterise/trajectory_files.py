"""The trajectory of one slice, as files: domains in their order, their graph, pseudotime of spots, figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tissuegraph.characterise.output import add_figure
from tissuegraph.characterise.pictured import read_colours, read_tissue
from tissuegraph.characterise.roots import asked_root
from tissuegraph.characterise.subject import Subject, read_subject
from tissuegraph.characterise.tables import rows_of, write_csv
from tissuegraph.characterise.trajectory import (
    LEAST_SPOTS,
    Order,
    Repeats,
    ordered,
    quantiles,
    ranks,
    read_embedding,
    repeated,
)
from tissuegraph.figures.trajectory import trajectory_figure
from tissuegraph.records import Record

UNSTABLE = 0.8  # mean Spearman over repeats below which the order is not to be built on
RULE = "the end of the tree of {by}s with more spots, as no root was given: the direction is arbitrary"


def write_trajectory(
    record: Record, h5ad: Path, root: str | None, seeds: range, outdir: Path, formats: Sequence[str]
) -> None:
    """Write SAMPLE.trajectory.csv, SAMPLE.paga_edges.csv, trajectory.npz and the figure.

    seeds: of the answer and, one each, of its repeats.

    Where there is nothing to order, a note says so and nothing is written. Raises InputError for a root that
    the slice does not have.
    """
    subject = read_subject(h5ad)
    record.metrics["by"] = subject.by
    asked = asked_root(subject, root)  # first: a wrong name is told even where nothing can be ordered
    if subject.sizes.size < 2 or len(subject.codes) < LEAST_SPOTS:
        divided = f"{len(subject.names)} {subject.by}" + "s" * (len(subject.names) != 1)
        record.note(
            f"no trajectory: {divided} and {len(subject.codes)} spots; two and {LEAST_SPOTS} are needed"
        )
        return
    name, embedding = read_embedding(h5ad)
    n_domains = len(subject.names)
    order = ordered(embedding, subject.codes, asked, n_domains, seeds.start)
    repeats = repeated(order, embedding, subject.codes, asked, n_domains, seeds)
    frame = trajectory_table(subject, order, repeats)
    write_csv(frame, outdir / f"{record.sample}.trajectory.csv")
    write_csv(paga_table(subject.names, order.connectivities), outdir / f"{record.sample}.paga_edges.csv")
    with open(outdir / "trajectory.npz", "wb") as file:
        np.savez(file, pseudotime=order.pseudotime)
    why = asked.why or f"{subject.by} {subject.names[order.domain]}, " + RULE.format(by=subject.by)
    _tell(record, subject, order, repeats, why)
    record.metrics |= {
        "embedding": name,
        "n_spots": len(subject.codes),
        "root": str(subject.names[order.domain]),
        "root_why": why,
        "root_given": asked.domain is not None,
        "rows": rows_of(frame),
        "spearman": repeats.spearman.tolist(),
        "spearman_mean": _mean(repeats.spearman),
        "spearman_sd": _sd(repeats.spearman),
    }
    note = f"Spearman {_mean(repeats.spearman):.2f} ± {_sd(repeats.spearman):.2f} over {len(seeds)} repeats"
    medians = quantiles(order.pseudotime, subject.codes, n_domains)[:, 1]  # (the table is by rank)
    figure = trajectory_figure(
        read_tissue(h5ad), order.pseudotime, order.root, subject.names,
        dict(zip(subject.names, read_colours(h5ad, subject.by, subject.names), strict=True)), medians,
        subject.sizes, order.connectivities, note,
    )  # fmt: skip
    add_figure(record, figure, "trajectory", outdir, formats)


def trajectory_table(subject: Subject, order: Order, repeats: Repeats) -> pd.DataFrame:
    """One row per domain, by rank: its pseudotime, its rank and the ranks it had in the repeats.

    The Spearman of the repeats with the answer is of the slice, the same in all rows.
    """
    places = quantiles(order.pseudotime, subject.codes, len(subject.names))
    again = ranks(repeats.medians)
    again = np.where(np.isnan(again).all(axis=0), 0.0, again)
    frame = pd.DataFrame(
        {
            "domain": subject.names,
            "n_spots": subject.sizes,
            "pseudotime_q25": places[:, 0],
            "pseudotime_median": places[:, 1],
            "pseudotime_q75": places[:, 2],
            "rank": pd.array(_whole(ranks(places[:, 1])), dtype="Int64"),
            "rank_lowest": pd.array(_whole(np.nanmin(again, axis=0)), dtype="Int64"),
            "rank_highest": pd.array(_whole(np.nanmax(again, axis=0)), dtype="Int64"),
            "is_root": np.arange(len(subject.names)) == order.domain,
            "spearman_mean": _mean(repeats.spearman),
            "spearman_sd": _sd(repeats.spearman),
            "n_repeats": len(repeats.spearman),
        }
    )
    return frame.sort_values("rank", kind="stable", na_position="last", ignore_index=True)


def paga_table(names: Sequence[str], connectivities: np.ndarray) -> pd.DataFrame:
    """Every pair of domains with a connectivity above 0, each once, the strongest first."""
    one, other = np.nonzero(np.triu(connectivities, 1))
    names = np.array(names, dtype=object)
    values = connectivities[one, other]
    frame = pd.DataFrame({"domain_a": names[one], "domain_b": names[other], "connectivity": values})
    return frame.sort_values("connectivity", ascending=False, kind="stable", ignore_index=True)


def _tell(record: Record, subject: Subject, order: Order, repeats: Repeats, why: str) -> None:
    missed = float(np.isnan(order.pseudotime).mean())
    if missed:
        record.note(
            f"pseudotime: {missed:.1%} of the spots are in pieces of the neighbour graph that the root does "
            "not reach; they have none"
        )
    if not _mean(repeats.spearman) >= UNSTABLE:
        record.note(
            f"pseudotime is not stable: Spearman {_mean(repeats.spearman):.2f} ± {_sd(repeats.spearman):.2f} "
            f"of {len(repeats.spearman)} repeats on parts of the spots with the whole"
        )
    if subject.inferred:
        record.note("pseudotime is of expression inferred from the image, not measured")
    if "arbitrary" in why and len(set(repeats.roots.tolist())) > 1:
        record.note(
            "pseudotime: the rule would choose other roots in some of the repeats; name one with --root"
        )


def _whole(values: np.ndarray) -> list[int | None]:
    return [int(value) if value > 0 else None for value in values]


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _sd(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")
