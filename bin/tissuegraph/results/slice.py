"""From the files of all steps of one slice to what its user takes home."""

from __future__ import annotations

from pathlib import Path

from tissuegraph.records import Record, worst
from tissuegraph.results.answers import judge
from tissuegraph.results.h5ad import to_anndata
from tissuegraph.results.pictures import draw_image, draw_slice
from tissuegraph.results.steps import StepFiles, Steps, read_steps
from tissuegraph.results.summary import loss_curves, slice_metrics


def assemble_slice(files: StepFiles, final: str, outdir: Path) -> None:
    """Write <sample>.h5ad, the figures and slice.json into `outdir`; `final` names the method to trust."""
    steps = read_steps(files)
    answers = judge(steps, final)

    slice_ = to_anndata(steps, answers)
    slice_.write_h5ad(outdir / f"{steps.sample}.h5ad", compression="gzip", compression_opts=1)

    curves = loss_curves(steps.records)
    stem = outdir / steps.sample
    drawn = draw_slice(stem, steps, answers, curves) | draw_image(stem, steps)

    entry = _with_history(steps)
    entry.metrics = {
        **slice_metrics(steps, answers, curves),
        "files": drawn.files,
        "pictures": drawn.pictures,
    }
    entry.write(outdir / "slice.json")


def _with_history(steps: Steps) -> Record:
    """The record of assembly: as bad as the worst step, with the reasons of all."""
    reasons = [f"{record.step}: {reason}" for record in steps.records for reason in record.reasons]
    return Record(
        steps.sample,
        "assemble",
        status=worst(*(record.status for record in steps.records)),
        reasons=list(dict.fromkeys(reasons)),
    )
