#!/usr/bin/env python3
"""How far inferred expression can be trusted: figures that it says of itself beside the truth.

\b
    expression_trust.py patients                   reliability and truth, within patients and across them
    expression_trust.py between                    slides of 5, 50 and 95 % tumour, generated
    expression_trust.py slices FOLDER [C2 C3 ...]  order within slides, level between them, and calibration;
                                                   FOLDER as expression.py slices reads it
    expression_trust.py unlike FOLDER --reference C2 --reference C3 MOB1 ...
                                                   which targets are unlike these references

Tables are Markdown, on standard output; ± is the standard deviation over seeds of the mean over slices.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]

SCALES = {
    "`slice`": ["features.scale=slice", "features.level=none"],
    "`slice` with levels (`default`)": ["features.scale=slice", "features.level=best"],
    "`references`": ["features.scale=references", "features.level=none"],
}
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7)  # of tumour in the references
TARGETS = (0.05, 0.5, 0.95)
seeds_option = click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
set_option = click.option("--set", "overrides", multiple=True, metavar="TOPIC.KEY=VALUE")


@click.group(help=__doc__)
def main() -> None:
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@main.command()
@seeds_option
@set_option
def patients(seeds, overrides) -> None:
    """Three patients of two slices teach; each has looks of its own that no new patient shows."""
    from helpers.paired import PairedSettings, paired_slices

    made = PairedSettings(
        n_slices=14, side=12, n_genes=20, n_looks=24, per_patient=2, own_looks=0.75, neighbour=0.3
    )
    rows: dict[str, list] = {}
    for seed in range(seeds):
        slices = paired_slices(made, seed)
        known, new = slices[:6], slices[6:]
        unknown = [dataclasses.replace(piece, patient=None) for piece in known]
        for title, references, targets in (
            ("patients left out; target: a new patient", known, new),
            ("slices left out; target: a new patient", unknown, new),
            ("slices left out; target: a further slice", unknown[:1] + unknown[2:], known[1:2]),
        ):
            found = _held_out(references, targets, overrides, seed)
            said = np.nanmean(found[0].inference.reliability)
            rows.setdefault(title, []).append((said, np.mean([_pcc(each) for each in found])))
    click.echo("| | reliability says | PCC found |\n|---|---|---|")
    for title, values in rows.items():
        click.echo(f"| {title} | {_spread([v[0] for v in values])} | {_spread([v[1] for v in values])} |")


@main.command()
@click.option("--stain", default=0.0, show_default=True, help="Standard deviation of a slide's stain.")
@seeds_option
@set_option
def between(stain, seeds, overrides) -> None:
    """Level of tumour genes in slides of 5, 50 and 95 % tumour, from references of 30 to 70 %."""
    from helpers.mixed import MixedSettings, mixed_slices

    rows: dict[str, list] = {}
    for seed in range(seeds):
        slices = mixed_slices(MixedSettings(shares=SHARES + TARGETS, side=12, n_genes=20, stain=stain), seed)
        for title, scale in SCALES.items():
            found = _held_out(slices[: len(SHARES)], slices[len(SHARES) :], [*scale, *overrides], seed)
            marker = np.char.startswith(found[0].genes, "TUMOUR")
            levels = [each.predicted[:, marker].mean() for each in found]
            rows.setdefault("measured", []).append(
                ([each.measured[:, marker].mean() for each in found], None, None)
            )
            rows.setdefault(title, []).append((levels, *_order_and_level(found)))
    click.echo(
        "| features | 5 % tumour | 50 % | 95 % | PCC x 100 within slides | error of levels |\n"
        "|---|---|---|---|---|---|"
    )
    for title, values in rows.items():
        levels = np.mean([each[0] for each in values], axis=0)
        scores = ["", ""] if values[0][1] is None else _scores([each[1:] for each in values])
        click.echo(f"| {title} | {' | '.join(f'{level:.2f}' for level in levels)} | {' | '.join(scores)} |")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("names", nargs=-1, required=True)
@seeds_option
@set_option
def slices(folder, names, seeds, overrides) -> None:
    """Leave one slice out: order within slides and error of levels, by scale of features; calibration."""
    pieces = [_read(folder, name) for name in names]
    rows: dict[str, list] = {}
    kept = []
    for seed in range(seeds):
        for title, scale in SCALES.items():
            found = []
            for piece in pieces:
                others = [each for each in pieces if each is not piece]
                found += _held_out(others, [piece], [*scale, *overrides], seed)
            rows.setdefault(title, []).append(_order_and_level(found))
            kept += found if "features.level=best" in scale else []
            click.echo(f"seed {seed}, {title}: {rows[title][-1]}", err=True)
    click.echo("| features | PCC x 100 within slides | error of levels |\n|---|---|---|")
    for title, values in rows.items():
        click.echo(f"| {title} | {' | '.join(_scores(values))} |")
    click.echo(f"\n{_calibration(kept)}")


def _calibration(found) -> str:
    """Spread and error of the median gene, as inner validation says and as found on the slices left out."""
    from tissuegraph.spahgc.calibration import calibrated

    lines = ["| | sd of predicted over measured | RMSE |", "|---|---|---|"]
    for title, end in (("as predicted", ""), ("calibrated", "_calibrated")):
        cells: dict[str, list] = {}
        for each in found:
            own = {
                name: values[np.isin(each.inference.genes, each.genes)]
                for name, values in each.inference.per_gene.items()
            }
            predicted = calibrated(each.predicted, own) if end else each.predicted
            error = np.sqrt(((predicted - each.measured) ** 2).mean(axis=0))
            pairs = (_ratio(predicted, each.measured), error), (own[f"sd_ratio{end}"], own[f"rmse{end}"])
            for where, pair in zip(("on slices left out", "as inner validation says"), pairs, strict=True):
                cells.setdefault(where, []).append([np.nanmedian(values) for values in pair])
        for where, values in cells.items():
            ratio, error = np.mean(values, axis=0)
            lines.append(f"| {title}, {where} | {ratio:.2f} | {error:.3f} |")
    return "\n".join(lines)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("targets", nargs=-1, required=True)
@click.option("--reference", "references", multiple=True, required=True)
def unlike(folder, targets, references) -> None:
    """Similarity of tiles and shift of the slide, beside those of references held out from each other."""
    from tissuegraph.presets import load_settings
    from tissuegraph.spahgc.inference import infer_slice
    from tissuegraph.spahgc.learning import learn
    from tissuegraph.spahgc.likeness import shift

    settings = load_settings("default", ["optimiser.epochs=0", "panel.n_genes=100"], method="spahgc")
    click.echo("| target | similarity, median tile | shift of the slide | flagged |\n|---|---|---|---|")
    for target in targets:
        serving = [_read(folder, name) for name in references if name != target]
        model = learn(serving, settings, seeds=[0], device="cpu")
        piece = _read(folder, target).without_counts()
        (found,) = infer_slice(model, piece, device="cpu")
        moved = shift(piece.image, model.references.image_scaling)
        words = [word for word in ("tiles", "slide") if any(f"the {word} of" in w for w in found.warnings)]
        middle = f"{np.median(found.similarity):.2f}"
        click.echo(f"| {target} | {middle} | {moved:.2f} | {' and '.join(words) or 'no'} |")


def _held_out(references, targets, overrides, seed) -> list:
    from tissuegraph.presets import load_settings
    from tissuegraph.spahgc import protocol

    settings = load_settings("default", list(overrides), method="spahgc")
    blind = [piece.without_counts() for piece in targets]
    found = protocol.infer(references, blind, settings, seed=seed, device="cpu")
    return [
        protocol.scored(piece, piece.name, seed, each, {}, settings)
        for piece, each in zip(targets, found, strict=True)
    ]


def _order_and_level(found) -> tuple[float, float]:
    """Mean PCC per gene within slides, and root mean square error of the genes' means in slides."""
    errors = [each.predicted.mean(axis=0) - each.measured.mean(axis=0) for each in found]
    return float(np.mean([_pcc(each) for each in found])), float(np.sqrt(np.mean(np.square(errors))))


def _scores(values) -> list[str]:
    """Cells of what `_order_and_level` returned for every seed."""
    return [_spread([100 * each[0] for each in values], 1), _spread([each[1] for each in values], 3)]


def _pcc(result) -> float:
    return result.scores["spahgc"].summary()["pcc"]


def _ratio(predicted, measured) -> np.ndarray:
    spread = measured.std(axis=0)
    return np.where(spread > 0, predicted.std(axis=0) / np.where(spread > 0, spread, 1), np.nan)


def _spread(values, digits: int = 2) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def _read(folder: Path, name: str):
    from tissuegraph.spahgc.members import Member

    return Member(
        name=name,
        role="both",
        patient=name.rstrip("0123456789"),
        group=None,
        slice_path=folder / name / "slice.h5ad",
        spots_path=folder / name / "spots.csv.gz",
        features_path=folder / name / "features.npz",
    ).read()


if __name__ == "__main__":
    main()
