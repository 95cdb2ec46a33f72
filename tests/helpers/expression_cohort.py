"""A cohort on disk whose counts follow its images, as ingest, QC and encoding leave it."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request
from tissuegraph.slices.qc import reason_per_spot, spot_metrics, write_spots
from tissuegraph.spahgc.members import read_members

N, G, F = 36, 12, 5
XY = np.stack(np.divmod(np.arange(N), 6), axis=1)[:, ::-1] * 10.0 + 5
FAST = ("optimiser.epochs=2", "validation.every=1", "model.width=8", "model.layers=1")


def write_member(folder, name, *, counts=True, seed=0):
    """Slice, spots and features of one slice whose counts follow its image."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(N, F)).astype(np.float32)
    weights = np.random.default_rng(99).normal(size=(F, G))
    if counts:
        matrix = sparse.csr_matrix(rng.poisson(np.exp(1 + 0.5 * image @ weights)).astype(np.float32))
        genes = pd.DataFrame(index=[f"g{number}" for number in range(G)])
        obs = pd.DataFrame(index=[f"s{number}" for number in range(N)])
        anndata.AnnData(matrix, obs, genes, obsm={"spatial": XY}).write_h5ad(folder / "given.h5ad")
        slice_ = read_slice(Request(path=folder / "given.h5ad", sample=name))
    else:
        lines = [f"s{number},{x},{y}" for number, (x, y) in enumerate(XY)]
        (folder / "given.csv").write_text("\n".join(["barcode,x,y", *lines]) + "\n")
        slice_ = read_slice(Request(path=folder / "given.csv", sample=name, counts_needed=False))
    slice_.write_h5ad(folder / "slice.h5ad")
    metrics = spot_metrics(sparse.csr_matrix(slice_.X), slice_.var["gene_symbol"].to_numpy(str))
    dropped = {"nothing": np.zeros(N, dtype=bool)}
    write_spots(folder / "spots.csv.gz", slice_.obs_names.to_numpy(str), metrics, reason_per_spot(dropped))
    empty = np.zeros((0, 4, 4, 3))
    ImageFeatures(
        features=image, names=[f"f{number}" for number in range(F)], background=np.zeros(N), encoder="test",
        tile_um=100, tile_px=10, side_px=10, shown=[], tiles_before=empty, tiles_after=empty,
        overview_before=np.zeros((4, 4, 3)), overview_after=np.zeros((4, 4, 3)), overview_matrix=np.eye(3),
    ).save(folder / "features.npz")  # fmt: skip
    return folder


def write_cohort(folder: Path) -> Path:
    """Write three references of two patients, a target without counts, and a reference of another group."""
    listed = [
        {"name": "A", "role": "reference", "patient": "P", "group": None},
        {"name": "B", "role": "reference", "patient": "P", "group": None},
        {"name": "C", "role": "both", "patient": "Q", "group": None},
        {"name": "T", "role": "target", "patient": None, "group": None},
        {"name": "X", "role": "reference", "patient": None, "group": "other"},
    ]
    for seed, entry in enumerate(listed):
        write_member(folder / entry["name"], entry["name"], counts=entry["role"] != "target", seed=seed)
    (folder / "members.json").write_text(json.dumps(listed))
    return folder


def members_of(folder):
    names = [entry["name"] for entry in json.loads((folder / "members.json").read_text())]
    kinds = ("slice.h5ad", "spots.csv.gz", "features.npz")
    return read_members(folder / "members.json", *[[folder / n / kind for n in names] for kind in kinds])


def references_of(folder, sample, by="slice"):
    """Names of the slices that may teach another one, as the workflow chooses them."""
    listed = json.loads((folder / "members.json").read_text())
    own = next(entry for entry in listed if entry["name"] == sample)
    return [
        entry["name"]
        for entry in listed
        if entry is not own
        and entry["role"] != "target"
        and entry["group"] == own["group"]
        and (by == "slice" or own["patient"] is None or entry["patient"] != own["patient"])
    ]


def learn_words(folder, names, model, *options):
    """The options of learn_expression.py for some slices of the cohort, with little training."""
    listed = [e for e in json.loads((folder / "members.json").read_text()) if e["name"] in names]
    listing = model.with_suffix(".members.json")
    listing.write_text(json.dumps(listed))
    words = ["--sample", "group:test", "--members", listing, "--model", model, "--device", "cpu"]
    words += ["--record", model.with_suffix(".learned.json"), *options]
    for member in members_of(folder):
        if member.name in names:
            words += ["--slice", member.slice_path, "--spots", member.spots_path]
            words += ["--features", member.features_path]
    for setting in FAST:
        words += ["--set", setting]
    return words


def infer_words(folder, sample, out, *options):
    """The options of infer_expression.py for one slice of the cohort; a model is among `options`."""
    listed = json.loads((folder / "members.json").read_text())
    own = next(entry for entry in listed if entry["name"] == sample) | {
        "references": references_of(folder, sample)
    }
    out.with_suffix(".member.json").write_text(json.dumps(own))
    member = next(member for member in members_of(folder) if member.name == sample)
    return [
        *("--sample", sample, "--member", out.with_suffix(".member.json"), "--slice", member.slice_path),
        *("--spots", member.spots_path, "--features", member.features_path, "--outdir", out),
        *("--device", "cpu", "--record", out.with_suffix(".json"), *options),
    ]
