"""From the files of all steps of one slice to what its user takes home."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tissuegraph.figures.save import FORMATS
from tissuegraph.records import Record
from tissuegraph.results.answers import judge
from tissuegraph.results.h5ad import to_anndata
from tissuegraph.results.pictures import draw_image, draw_slice
from tissuegraph.results.steps import Steps, read_steps
from tissuegraph.results.summary import loss_curves, slice_metrics
from tissuegraph.results.taught import untaught
from tissuegraph.scores.below import far_below


def assemble_slice(
    record: Record, parts: Path, methods: Sequence[str], outdir: Path, formats: Sequence[str] = FORMATS
) -> None:
    """Write <sample>.h5ad and the figures into `outdir`, and what the report shows into the record (inplace).

    parts: directory with the files of all steps, see `read_steps`. The first of the methods that answered
    gives the final domains. formats: of the figures.
    """
    steps = read_steps(record.sample, parts, methods)
    answers = judge(steps, steps.methods[0].name)

    slice_ = to_anndata(steps, answers)
    slice_.write_h5ad(outdir / f"{steps.sample}.h5ad", compression="gzip", compression_opts=1)

    curves = loss_curves(steps.records)
    stem = outdir / steps.sample
    drawn = draw_slice(stem, steps, answers, curves, formats) | draw_image(stem, steps, formats)

    _add_history(record, steps)
    for name, line in far_below(answers.scores).items():
        tell = record.warn if name == answers.name else record.note  # the answer that is used, or another
        tell(f"scores: {line}")
    if steps.taught is not None:
        for line in untaught(steps.taught, steps.annotation, steps.regions):
            record.warn(f"name_regions: {line}")
    record.metrics |= {
        **slice_metrics(steps, answers, curves),
        "files": drawn.files,
        "pictures": drawn.pictures,
    }


def _add_history(record: Record, steps: Steps) -> None:
    """The reasons of all steps; one that failed left the slice without its part, but did not end it."""
    reasons = [f"{entry.step}: {reason}" for entry in steps.records for reason in entry.reasons]
    for reason in dict.fromkeys(reasons):
        record.warn(reason)
    for note in dict.fromkeys(f"{entry.step}: {note}" for entry in steps.records for note in entry.notes):
        record.note(note)
