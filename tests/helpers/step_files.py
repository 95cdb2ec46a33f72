"""The files of every step of one tiny slice, and the words that assemble them."""

from __future__ import annotations

import shutil
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from helpers.fake_slices import lattice
from tissuegraph.records import Record, read_record
from tissuegraph.slices.arrays import SliceArrays

N_SPOTS, N_DROPPED, N_GENES = 64, 3, 12


def write_steps(folder: Path) -> Path:
    """Write all files of one slice, as the steps write them: two halves, the first spots dropped."""
    rng = np.random.default_rng(0)
    position = lattice(8, 8)
    counts = sparse.csr_matrix(rng.poisson(3, (N_SPOTS, N_GENES)).astype(np.float32))
    data = anndata.AnnData(counts)
    data.obs_names = [f"spot{k}-1" for k in range(N_SPOTS)]
    data.var_names = [f"gene{k}" for k in range(N_GENES)]
    data.obsm["spatial"] = position
    half = (position[:, 0] > position[:, 0].mean()).astype(int)
    data.obs["annotation"] = pd.Categorical(np.array(["L2", "L10"])[half])
    data.obs.loc[data.obs_names[10:14], "annotation"] = np.nan
    data.uns["tissuegraph"] = {"sample": "a.b", "platform": "h5ad", "pitch_px": 100.0, "um_per_px": 1.0}
    image = np.full((40, 50, 3), 180, dtype=np.uint8)
    data.uns["spatial"] = {"a.b": {"images": {"hires": image}, "scalefactors": {"tissue_hires_scalef": 0.05}}}
    data.write_h5ad(folder / "slice.h5ad")

    keep = np.arange(N_SPOTS) >= N_DROPPED
    columns = {"n_genes_by_counts": counts.getnnz(axis=1), "total_counts": np.asarray(counts.sum(1)).ravel()}
    spots = pd.DataFrame(
        {**columns, "pct_counts_mt": np.nan, "keep": keep, "drop_reason": ""}, data.obs_names
    )
    spots.to_csv(folder / "spots.csv.gz", index_label="barcode")

    half, n_kept = half[keep], int(keep.sum())
    ring = sparse.csr_matrix(np.roll(np.eye(n_kept), 1, 1) + np.roll(np.eye(n_kept), -1, 1))
    SliceArrays(
        counts=counts[keep][:, :8],
        features=rng.normal(size=(n_kept, 4)),
        depth=columns["total_counts"][keep],
        position=position[keep],
        spatial=ring,
        feature=ring,
        genes=np.array(data.var_names[:8]),
        pitch=100.0,
    ).save(folder / "stmfg.arrays.npz")
    baseline = np.where(np.arange(n_kept) < 6, 1 - half, half)  # six spots in the wrong half
    latent = rng.normal(size=(n_kept, 5))
    np.savez(folder / "baseline.npz", baseline=baseline, pca_kmeans=np.arange(n_kept) % 2, embedding=latent)
    np.savez(folder / "stmfg.embedding.npz", embeddings=rng.normal(size=(2, n_kept, 6)), seeds=[0, 1])
    np.savez(
        folder / "stmfg.domains.npz",
        domain=1 - half,
        unrefined=np.where(np.arange(n_kept) < 4, half, 1 - half),  # refinement moved four spots
        confidence=np.full(n_kept, 0.75),
        per_seed=np.array([half, 1 - half]),
        untrained=baseline,
        untrained_per_seed=np.array([baseline, baseline]),
    )
    trained = Record(
        "a.b", "train", metrics={"method": "stmfg", "epochs": 3, "losses": {"total": [[3, 2, 1], [3, 2, 2]]}}
    )
    trained.metrics["settings"] = {"optimiser": {"epochs": 3, "clip": None}}
    trained.write(folder / "stmfg.train.json")
    counted = {"n_spots_raw": N_SPOTS, "n_spots": n_kept, "histograms": {}}
    counted |= {"median_counts": 36.0, "median_genes": 11.0, "median_mito": None}
    warned = Record("a.b", "qc", metrics=counted)
    warned.warn("few counts")
    warned.write(folder / "qc.json")
    degree = {"mean": 2.0, "min": 2, "max": 2, "isolated": 0, "distribution": [[2, 100.0]]}
    graph = {"method": "stmfg", "spatial_degree": degree, "feature_degree": degree}
    Record("a.b", "graph", metrics=graph).write(folder / "stmfg.graph.json")
    return folder


def assemble_words(folder: Path, *methods: str) -> list[str]:
    """The options of assemble.py for those files; every method gets the embedding and domains of stMFG."""
    for method in methods:
        if method != "stmfg":
            for kind in ("arrays", "embedding", "domains"):
                shutil.copy(folder / f"stmfg.{kind}.npz", folder / f"{method}.{kind}.npz")
            graph = read_record(folder / "stmfg.graph.json")
            graph.metrics["method"] = method
            graph.write(folder / f"{method}.graph.json")
    words = ["--sample", "a.b", "--parts", str(folder), "--methods", ",".join(methods)]
    return [*words, "--outdir", str(folder / "out"), "--record", str(folder / "out" / "assemble.json")]


def write_regions(folder: Path, **facts) -> dict[str, np.ndarray]:
    """Write regions.npz and name_regions.json beside the files of `write_steps`; returns the arrays.

    L10 everywhere but in the left half, which is L2; the first three spots are not called; `white/matter` is
    a name that this slice has nowhere.
    """
    position = lattice(8, 8)[N_DROPPED:]
    region = np.where(position[:, 0] > lattice(8, 8)[:, 0].mean(), 2, 1)
    call = np.where(np.arange(len(region)) < 3, -1, region)
    arrays = {"region": region, "call": call, "names": np.array(["white/matter", "L2", "L10"])}
    arrays |= {"probability": np.linspace(0.5, 1, len(region)), "novelty": np.linspace(0, 0.4, len(region))}
    np.savez(folder / "regions.npz", **arrays)
    told = {"names": arrays["names"].tolist(), "level": 0.7, "guard": "shown", "teachers": ["b", "c"]}
    told["sentence"] = "Transfer was shown on left-out teachers."
    told["left_out"] = {"within": {"macro_f1": 0.8}, "across": {"macro_f1": 0.7}}
    Record("a.b", "name_regions", metrics=told | facts).write(folder / "name_regions.json")
    return arrays
