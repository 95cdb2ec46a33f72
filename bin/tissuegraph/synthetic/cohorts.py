"""Ready-made cohorts of generated slices: what `simulate.py` writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tissuegraph.synthetic.conditions import (
    DEPTH,
    GROUP,
    DesignedCohort,
    Member,
    plan_conditions,
    write_truth,
)
from tissuegraph.synthetic.settings import LAYERED, PATCHY, SliceSettings
from tissuegraph.synthetic.slices import make_slice
from tissuegraph.synthetic.writers import (
    write_full_resolution,
    write_h5ad,
    write_samplesheet,
    write_space_ranger,
)

H5AD = "h5ad"
CONDITIONS = ("conditions", "conditions_null")  # presets with their truth beside; the second without any
PRESETS = ("demo", "test", "cohort", "full", *CONDITIONS)
LABEL = "layer"  # obs column with the truth in h5ad files


@dataclass(frozen=True)
class CohortSlice:
    """One line of a generated samplesheet: how a slice is drawn and in which layout it is written."""

    name: str
    group: str
    settings: SliceSettings
    layout: str | int = 2  # Space Ranger major version, or "h5ad"
    hires: bool = True  # Space Ranger: with the hires image; h5ad: with images
    teaches: bool = False  # its annotation teaches the other slices of its group
    patient: str = ""
    condition: str = ""


def plan(preset: str, n_slices: int | None = None, seed: int = 0) -> list[CohortSlice]:
    """The slices of a preset. Empty `n_slices` means the preset's own number."""
    if preset in CONDITIONS:
        return [_of_design(member) for member in _designed(preset, n_slices, seed).members]
    planner = {"demo": _demo, "test": _test, "cohort": _cohort, "full": _full}[preset]
    return list(planner(n_slices, seed))


def write_preset(
    preset: str, folder: Path, n_slices: int | None = None, seed: int = 0, *, full_resolution: str = ""
) -> Path:
    """As `write_cohort` of the preset's plan, with FOLDER/truth.json where something may be planted."""
    sheet = write_cohort(plan(preset, n_slices, seed), folder, full_resolution=full_resolution)
    if preset in CONDITIONS:
        write_truth(_designed(preset, n_slices, seed), sheet.parent)
    return sheet


def _designed(preset: str, n_slices: int | None, seed: int) -> DesignedCohort:
    return plan_conditions(seed, planted=preset == CONDITIONS[0], n_sections=n_slices)


def _of_design(member: Member) -> CohortSlice:
    return CohortSlice(
        member.name,
        GROUP,
        member.settings,
        H5AD,
        hires=False,
        patient=member.patient,
        condition=member.condition,
    )


def write_cohort(slices: list[CohortSlice], folder: Path, *, full_resolution: str = "") -> Path:
    """Write every slice below the folder, and FOLDER/samplesheet.csv; returns the sheet.

    Paths in the sheet are relative to it.
    full_resolution: empty, or the ending of the full-resolution image to draw as well (tif, jpg)
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_write_slice(item, folder, full_resolution) for item in slices]
    return write_samplesheet(rows, folder / "samplesheet.csv")


def _write_slice(item: CohortSlice, folder: Path, full_resolution: str) -> dict[str, object]:
    drawn = make_slice(item.settings)
    row = {"sample": item.name, "n_domains": item.settings.n_domains, "group": item.group}
    if item.teaches:
        row["teaches"] = "true"
    row |= {name: value for name in ("patient", "condition") if (value := getattr(item, name))}
    if item.layout == H5AD:
        more = {DEPTH: drawn.depth} if item.condition else {}
        path = write_h5ad(drawn, folder / f"{item.name}.h5ad", label=LABEL, image=item.hires, columns=more)
        row |= {"path": path, "platform": "h5ad", "annotation": LABEL}
    else:
        outs = write_space_ranger(drawn, folder / item.name, version=int(item.layout), hires=item.hires)
        row |= {"path": outs, "platform": "visium", "annotation": folder / item.name / "annotation.csv"}
    if full_resolution:
        row["image"] = write_full_resolution(drawn, folder / f"{item.name}_full.{full_resolution}")
    return row


def _demo(n_slices: int | None, seed: int) -> Iterator[CohortSlice]:
    """Two sections of one cortex, the first of which teaches the second, and two of one tumour.

    As large as they can be and stay quick.
    """
    common = SliceSettings(
        n_spots=900, n_genes=1000, hires_px=800, unlabelled=0.02, damaged=0.015, batch_sd=0.1
    )
    cortex = replace(common, architecture=LAYERED, n_domains=5, programme_seed=seed)
    tumour = replace(
        common, architecture=PATCHY, n_domains=5, programme_seed=seed, patch_size=0.16, signal=1.15
    )
    for i in range(n_slices or 4):
        kind, base = (("cortex", cortex), ("tumour", tumour))[i // 2 % 2]
        layout = H5AD if i % 4 == 3 else 2
        number = i % 2 + 2 * (i // 4) + 1
        settings, teaches = replace(base, seed=seed + i), i == 0
        yield CohortSlice(f"{kind}_{number}", kind, settings, layout, teaches=teaches)


def _test(n_slices: int | None, seed: int) -> Iterator[CohortSlice]:
    """One slice of each input layout, as small as still makes sense."""
    common = SliceSettings(n_genes=400, programme_seed=seed, hires_px=400, lowres_px=160, marker_log_fold=1.6)
    cortex = replace(common, seed=seed, n_spots=380, n_domains=4)
    patches = {"architecture": PATCHY, "patch_size": 0.26, "signal": 1.3}  # few spots: coarser, clearer
    tumour = replace(common, seed=seed + 7, n_spots=380, n_domains=3, species="mouse", **patches)
    every = [
        CohortSlice("layered", "cortex", replace(cortex, unlabelled=0.05)),
        CohortSlice("patchy", "tumour", tumour, layout=H5AD, hires=False),
        CohortSlice("old_layout", "cortex", replace(cortex, seed=seed + 2, n_spots=340), 1, hires=False),
    ]
    for i in range(n_slices or 3):
        turn, item = i // 3, every[i % 3]
        name = f"{item.name}_{turn + 1}" if turn else item.name
        yield replace(item, name=name, settings=replace(item.settings, seed=item.settings.seed + 100 * turn))


def _cohort(n_slices: int | None, seed: int) -> Iterator[CohortSlice]:
    """Many small slices of several patients; every tenth has far too few counts."""
    for i in range(n_slices or 40):
        patient = i // 4
        settings = SliceSettings(
            seed=seed + i,
            programme_seed=seed,
            architecture=PATCHY if patient % 2 else LAYERED,
            patch_size=0.22,
            signal=1.4 if patient % 2 else 1.0,
            n_spots=300 + 20 * (i % 5),
            n_genes=400,
            n_domains=3 + patient % 3,
            marker_log_fold=1.6,
            depth=20.0 if i % 10 == 9 else 2000.0,
            damaged=0.02,
            unlabelled=0.03,
            batch_sd=0.1,
            hires_px=400,
            lowres_px=160,
        )
        yield CohortSlice(
            f"P{patient + 1:02d}_S{i % 4 + 1}", f"P{patient + 1:02d}", settings, hires=i % 3 != 2
        )


def _full(n_slices: int | None, seed: int) -> Iterator[CohortSlice]:
    """Slices as large as those of a Visium capture area: two sections of one cortex, then one of a tumour."""
    common = SliceSettings(
        n_spots=4000,
        n_genes=15000,
        hires_px=2000,
        lowres_px=600,
        unlabelled=0.02,
        damaged=0.015,
        batch_sd=0.1,
    )
    cortex = replace(common, architecture=LAYERED, n_domains=7, programme_seed=seed)
    tumour = replace(common, architecture=PATCHY, n_domains=5, programme_seed=seed, patch_size=0.16)
    every = [("cortex_1", "cortex", cortex), ("cortex_2", "cortex", cortex), ("tumour_1", "tumour", tumour)]
    for i in range(n_slices or 3):
        turn, (name, group, base) = i // 3, every[i % 3]
        name = f"{name}_{turn + 1}" if turn else name
        yield CohortSlice(name, group, replace(base, seed=seed + i), teaches=i == 0)
