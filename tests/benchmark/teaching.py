#!/usr/bin/env python3
"""How well annotated sections teach others: every member alone, the ensemble, and what they are held against.

Labels of the target only score. Printed for each pair, mean and spread over seeds: ARI of each member alone
and of the ensemble, its accuracy, macro-F1, calibration error and coverage; beside them the domains found
without labels, half of the target's own spots as teacher, and the network trained without labels on the
target too. Then targets cut to some of their regions, and the guard.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from development_slices import KNOWN, SISTERS, read_section  # noqa: E402

PAIRS = (("151675", "151673"), ("151673", "151675"), ("BZ9", "BZ5"), ("BZ5", "BZ9"))
GUARDED = ((("A1", "B1"), "G2"), (("B1", "G2"), "A1"), (("A1", "G2"), "B1"))
PARTS = ("pairs", "cuts", "guard", "carried")
folder = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command(help=__doc__)
@click.option("--data", type=folder, default=ROOT.parent / "shared" / "data", help="Folder of the slices.")
@click.option("--n-seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), default=PARTS, show_default=True)
def main(data: Path, n_seeds: int, parts: tuple[str, ...]) -> None:
    from tissuegraph.presets import load_settings

    sections = {name: read_section(entry, data) for name, entry in KNOWN.items()}
    if "pairs" in parts:
        settings = load_settings("stmfg/default")
        rows = [_pair(sections, teacher, target, settings, n_seeds) for teacher, target in PAIRS]
        columns = list(rows[0][1])
        click.echo(f"| teacher -> target | {' | '.join(columns)} |")
        click.echo("|" + "---|" * (len(columns) + 1))
        for name, row in [*rows, ("mean", _mean([row for _, row in rows]))]:
            click.echo(f"| {name} | {' | '.join(_cell(row[column]) for column in columns)} |")
    if "cuts" in parts:
        click.echo("\n| target cut to | regions | accuracy |\n|---|---|---|")
        for name, regions, accuracy in _cut(sections):
            click.echo(f"| {name} | {regions} | {accuracy:.3f} |")
    if "guard" in parts:
        click.echo(
            "\n| teachers -> target | guard | left-out macro-F1 | target's accuracy | macro-F1 | ARI |\n"
            "|---|---|---|---|---|---|"
        )
        for teachers, target in GUARDED:
            click.echo(_guard(sections, teachers, target))
    if "carried" in parts:
        sections |= {name: read_section(entry, data) for name, entry in SISTERS.items()}
        click.echo(f"\n| teacher | {' | '.join(sections)} |\n|---|{'---|' * len(sections)}")
        for teacher in sections:
            click.echo(_carried(sections, teacher))


def _pair(
    sections: Mapping, teacher: str, target: str, settings, n_seeds: int
) -> tuple[str, dict[str, list[float]]]:
    """Column -> one value per seed."""
    from tissuegraph.clustering.baseline import baseline
    from tissuegraph.regions.ensemble import calibration_error
    from tissuegraph.regions.fitting import NetworkOptions
    from tissuegraph.regions.model import UNSURE, ask
    from tissuegraph.regions.sections import codes_of
    from tissuegraph.regions.teaching import teach
    from tissuegraph.scores.metrics import agreement_scores
    from tissuegraph.scores.named import compared

    stored, labels = sections[target]
    found: dict[str, list[float]] = {}

    def note(**values: float) -> None:
        for name, value in values.items():
            found.setdefault(name.replace("_", " "), []).append(value)

    for seed in range(n_seeds):
        model = teach([_source(sections, teacher)], NetworkOptions(settings, (seed,), "cpu"))
        codes = codes_of(labels, model.names)
        scored = codes >= 0
        answer = ask(model, stored)
        right = (answer.region == codes)[scored]
        call = answer.call(model.threshold)[scored]
        note(
            unsupervised=agreement_scores(
                baseline(stored.counts, stored.xy, KNOWN[target].n_domains, seed).labels, codes
            )["ari"],
            half_of_own=_half(stored, labels, seed),
            network_also_on_target=_on_both(model, sections[teacher], stored, codes, settings, seed),
            **{
                name: compared(codes[scored], p.argmax(1)[scored])["ari"]
                for name, p in answer.by_member.items()
            },
            **{f"ensemble {k}": v for k, v in compared(codes[scored], answer.region[scored]).items()},
            ECE=calibration_error(answer.probability[scored], right),
            coverage=float((call != UNSURE).mean()),
            accuracy_called=float(right[call != UNSURE].mean()),
        )
    return f"{teacher} -> {target}", found


def _on_both(model, taught, stored, codes: np.ndarray, settings, seed: int) -> float:
    """ARI of the network whose unsupervised losses also saw the target; its classifier saw the teacher."""
    from tissuegraph.regions.offsets import estimate_offset
    from tissuegraph.regions.sections import codes_of, components_of, nearby
    from tissuegraph.scores.named import compared
    from tissuegraph.stmfg.joint import network_arrays
    from tissuegraph.stmfg.sections import prepare_sections, train_sections

    own = components_of(model.loadings, stored)
    offset, _ = estimate_offset(own.smoothed, model.classes)
    nothing = np.zeros_like(offset)
    arrays = [
        network_arrays(model.loadings, taught[0], nothing, settings),
        network_arrays(model.loadings, stored, offset, settings),
    ]
    encoder = train_sections(
        prepare_sections(arrays, settings, "cpu"),
        settings,
        seed=seed,
        codes=[codes_of(taught[1], model.names), None],
        n_classes=len(model.names),
    )
    region = nearby(nearby(encoder.posterior(arrays[1]), own.ground), own.ground).argmax(axis=1)
    return compared(codes[codes >= 0], region[codes >= 0])["ari"]


def _half(stored, labels: np.ndarray, seed: int) -> float:
    """ARI on half of the target, in blocks of its tissue, that the other half teaches."""
    from tissuegraph.regions.fitting import fit_model
    from tissuegraph.regions.model import ask
    from tissuegraph.regions.sections import Source, codes_of
    from tissuegraph.scores.named import compared
    from tissuegraph.slices.partition import spatial_parts

    rng = np.random.default_rng(seed)
    parts = spatial_parts(stored.xy, -(-len(stored.xy) // 16))  # sixteen blocks, half of them teach
    teaching = np.concatenate([parts[k] for k in rng.permutation(len(parts))[: len(parts) // 2]])
    known = np.full(len(labels), None, dtype=object)
    known[teaching] = labels[teaching]
    model = fit_model([Source("half", lambda: stored, known)])
    codes = codes_of(labels, model.names)
    codes[teaching] = -1
    return compared(codes[codes >= 0], ask(model, stored).region[codes >= 0])["ari"]


def _cut(sections: Mapping) -> Iterator[tuple[str, str, float]]:
    """Targets cut to two or three neighbouring regions; mean accuracy over all such cuts."""
    from tissuegraph.regions.fitting import fit_model
    from tissuegraph.regions.model import ask
    from tissuegraph.regions.sections import codes_of

    for teacher, target in PAIRS:
        model = fit_model([_source(sections, teacher)])
        stored, labels = sections[target]
        codes = codes_of(labels, model.names)
        for width in (2, 3):
            found = []
            for first in range(len(model.names) - width + 1):
                keep = np.isin(codes, range(first, first + width))
                if width < len(model.names) and keep.sum() >= 60:
                    part = replace(
                        stored, counts=stored.counts[keep], barcodes=stored.barcodes[keep], xy=stored.xy[keep]
                    )
                    found.append(float((ask(model, part).region == codes[keep]).mean()))
            yield (
                f"{teacher} -> {target}",
                f"{width} of {len(model.names)}, {len(found)} cuts",
                statistics.mean(found),
            )


def _guard(sections: Mapping, teachers: Sequence[str], target: str) -> str:
    from tissuegraph.regions.model import ask
    from tissuegraph.regions.sections import codes_of
    from tissuegraph.regions.teaching import teach
    from tissuegraph.scores.named import compared

    model = teach([_source(sections, name, patient=name) for name in teachers])
    stored, labels = sections[target]
    codes, scored = codes_of(labels, model.names), np.array([isinstance(label, str) for label in labels])
    own = compared(codes[scored], ask(model, stored).region[scored])
    left = model.about["left_out"]["across"]["macro_f1"]
    cells = ["+".join(teachers) + f" -> {target}", model.about["guard"], f"{left:.2f}"]
    return f"| {' | '.join([*cells, *(f'{own[name]:.2f}' for name in ('accuracy', 'macro_f1', 'ari'))])} |"


def _carried(sections: Mapping, teacher: str) -> str:
    """The share of each section's spatial variation in the components of one; empty without common genes."""
    from tissuegraph.cohorts.carried import carried_share
    from tissuegraph.cohorts.components import fit_loadings
    from tissuegraph.errors import InputError

    loadings, cells = fit_loadings([lambda: sections[teacher][0]]), []
    for stored, _ in sections.values():
        try:
            found = carried_share(loadings, stored)
        except InputError:
            found = None
        cells.append("" if found is None else f"{found:.2f}")
    return f"| {teacher} | {' | '.join(cells)} |"


def _source(sections: Mapping, name: str, patient: str | None = None):
    from tissuegraph.regions.sections import Source

    stored, labels = sections[name]
    return Source(name, lambda: stored, labels, patient)


def _mean(rows: Sequence[Mapping[str, list[float]]]) -> dict[str, list[float]]:
    """Over pairs, seed by seed."""
    return {
        name: [statistics.mean(values) for values in zip(*(row[name] for row in rows), strict=True)]
        for name in rows[0]
    }


def _cell(values: Sequence[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {spread:.3f}"


if __name__ == "__main__":
    main()
