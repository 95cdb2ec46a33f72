"""The slices with histology that image controls are measured on, made ready by the pipeline's own scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BIN = Path(__file__).resolve().parents[2] / "bin"


@dataclass(frozen=True)
class ImageSlice:
    """One slice below the data folder; n_domains: annotated regions, or 5 where nothing is annotated."""

    sample: str
    path: str
    n_domains: int
    image: str | None = None  # None: the image that the slice carries
    annotation: str | None = None
    patient: str | None = None


SLICES = (
    ImageSlice(
        "151673",
        "dlpfc/151673/outs",
        7,
        image="dlpfc/151673_lowres.png",
        annotation="dlpfc/151673/annotation.csv",
    ),
    ImageSlice("151675", "dlpfc/151675.h5ad", 7, image="dlpfc/151675_lowres.png", annotation="ground_truth"),
    *(
        ImageSlice(name, f"her2st/{name}.h5ad", 5, image=f"her2st/{name}_HE.jpg", patient="C")
        for name in ("C2", "C3", "C4", "C5")
    ),
)
MOB = tuple(ImageSlice(n, f"mob/{n}.h5ad", 5, image=f"mob/{n}_HE.jpg") for n in ("MOB1", "MOB2"))


def prepare(entry: ImageSlice, data: Path, out: Path, encoders: tuple[str, ...] = ("handcrafted",)) -> Path:
    """Ingest, quality control, arrays of both methods and features of each encoder; returns the folder.

    What is there already is kept. Raises RuntimeError with the step's own words where one fails.
    """
    folder = out / entry.sample
    folder.mkdir(parents=True, exist_ok=True)
    image = ["--image", data / entry.image] if entry.image else []
    annotation = entry.annotation and (
        data / entry.annotation if entry.annotation.endswith(".csv") else entry.annotation
    )
    labels = ["--annotation", annotation] if annotation else []
    kept = ["--slice", folder / "slice.h5ad", "--spots", folder / "spots.csv.gz"]
    _step(
        "ingest",
        entry,
        folder,
        "slice.h5ad",
        ["--path", data / entry.path, "--slice", folder / "slice.h5ad"] + image + labels,
    )
    thresholds = folder / "thresholds.json"
    thresholds.write_text(json.dumps({"min_counts": 10, "min_genes": 5}), encoding="utf-8")
    _step("qc", entry, folder, "spots.csv.gz", [*kept, "--thresholds", thresholds])
    for method in ("stmfg", "multist"):
        preset = BIN.parent / "assets" / "presets" / method / "default.yaml"
        arrays = folder / f"{method}.npz"
        _step("graph", entry, folder, arrays.name, [*kept, "--preset", preset, "--arrays", arrays])
    for encoder in encoders:
        features = folder / f"{encoder}.npz"
        _step(
            "encode_histology",
            entry,
            folder,
            features.name,
            [*kept, *image, "--encoder", encoder, "--features", features],
        )
    return folder


def _step(script: str, entry: ImageSlice, folder: Path, result: str, options: list) -> None:
    if (folder / result).exists():
        return
    record = folder / f"{script}_{result}.json"
    command = [sys.executable, BIN / f"{script}.py", "--sample", entry.sample, *options, "--record", record]
    finished = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if finished.returncode or not (folder / result).exists():
        raise RuntimeError(f"{script} of {entry.sample}: {finished.stderr.strip().splitlines()[-1:]}")
