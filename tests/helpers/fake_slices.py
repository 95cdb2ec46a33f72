"""Runs that never happened: slice.json and step records as the report reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tissuegraph.records import Record
from tissuegraph.scores.table import gain

PIXEL = "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="
METHODS = ["stmfg"]
TERMS = ("total", "zinb", "contrastive", "regulariser")


def fake_run(
    folder: Path,
    n_slices: int,
    *,
    failed: tuple[int, ...] = (),
    warned: tuple[int, ...] = (),
    draw: bool = False,
) -> None:
    """Write records/, rows.json and context.json for `n_slices` slices.

    Every third slice has no annotation. `draw` makes real pictures, otherwise each is one pixel.
    """
    rng = np.random.default_rng(0)
    rows = []
    for index in range(n_slices):
        sample = f"donor{index // 4 + 1}.section_{index % 4 + 1}-v{index}"
        rows.append(fake_row(sample, index))
        entry = Record(sample, "qc", metrics={"n_spots": 0})
        if index in failed:
            entry.fail(
                "no spot is left after quality control: 812 of 812 have fewer than 10 UMIs; lower min_counts"
            )
        elif index in warned:
            entry.warn("31 % of the spots were dropped; look at the quality maps")
        write(entry, folder / "records" / str(index) / "qc.json")
        if index not in failed:
            summary = Record(sample, "assemble", entry.status, [f"qc: {r}" for r in entry.reasons])
            summary.metrics = fake_metrics(sample, rng, labelled=index % 3 != 2, draw=draw)
            write(summary, folder / "records" / str(index) / "assemble.json")
    (folder / "rows.json").write_text(json.dumps(rows))
    settings = {
        "outdir": "results",
        "stmfg_preset": "default",
        "n_seeds": 5,
        "min_counts": 10,
        "min_genes": 5,
    }
    params = {**settings, "max_mito": None, "input": "sheet.csv"}
    (folder / "context.json").write_text(json.dumps({"params": params, "lost": []}))


def summarise_words(folder: Path) -> list[str]:
    """The options of summarise.py for what `fake_run` wrote; results go beside it."""
    names = {"records": "records", "rows": "rows.json", "context": "context.json", "params": "params.json"}
    names |= {
        "table": "slices.csv",
        "content": "content",
        "verdict": "verdict.json",
        "receipt": "receipt.json",
    }
    (folder / "records").mkdir(exist_ok=True)
    return [word for option, name in names.items() for word in (f"--{option}", str(folder / name))]


def fake_row(sample: str, index: int) -> dict:
    empty = dict.fromkeys(
        ("image", "n_domains", "annotation", "min_counts", "min_genes", "max_mito", "n_mads")
    )
    group = "case" if index % 2 else "control"
    return {
        "sample": sample,
        "path": f"data/{sample}/outs",
        "platform": "visium",
        "group": group,
        **empty,
        "row": index + 2,
    }


def fake_metrics(sample: str, rng: np.random.Generator, *, labelled: bool = True, draw: bool = False) -> dict:
    n_spots, n_domains = int(rng.integers(900, 4500)), int(rng.integers(5, 9))
    sizes = rng.multinomial(n_spots, rng.dirichlet(np.full(n_domains, 4)))
    counts, genes = rng.lognormal(8 + rng.normal(0, 0.3), 0.5, n_spots), rng.lognormal(7.2, 0.4, n_spots)
    ari = float(rng.uniform(0.4, 0.7))
    scores = fake_scores(ari, rng, labelled)
    epochs = np.arange(1, 201, 2)
    return {
        "n_spots": n_spots,
        "n_dropped": 40,
        "n_genes": 18000,
        "median_counts": float(np.median(counts)),
        "median_genes": float(np.median(genes)),
        "median_mito": float(rng.uniform(2, 12)),
        "histograms": {
            "counts": histogram(counts, log=True),
            "genes": histogram(genes, log=True),
            "mito": histogram(rng.gamma(6, 1, n_spots)),
        },
        "n_domains": n_domains,
        "n_labelled": n_spots if labelled else 0,
        "annotation_names": [f"Layer {k + 1}" for k in range(n_domains)] if labelled else [],
        "composition": {str(k + 1): int(size) for k, size in enumerate(sizes)},
        "annotation_composition": {str(k + 1): int(s) for k, s in enumerate(sizes)} if labelled else {},
        "n_domains_evidence": {
            name: {str(k): float(rng.uniform()) for k in range(2, 13)}
            for name in ("criterion", "stability", "gain")
        },
        "mean_confidence": float(rng.uniform(0.8, 0.97)),
        "final_method": "stmfg",
        "methods": METHODS,
        "n_seeds": 5,
        "scores": scores,
        "gain": {"stmfg": gain(scores, "stmfg")},
        "degrees": {
            name: degrees(mean, n_spots, rng)
            for name, mean in (("spatial", 17), ("feature", 14))
        },
        "training": {"stmfg": {
            term: [[int(e), float(scale * (0.3 + np.exp(-e / 40)) * rng.uniform(0.98, 1.02))] for e in epochs]
            for term, scale in zip(TERMS, (5, 2, 3, 0.7), strict=True)
        }},
        "steps": {
            "baseline": {"n_neighbours": int(rng.integers(12, 24)), "smoothing_radius_um": None},
            "train_stmfg": {"epochs": 200},
            "cluster_stmfg": {"clusterer": "vote"},
        },
        "files": {"domains": f"{sample}.domains.png", "confidence": f"{sample}.confidence.png"},
        "pictures": real_pictures(rng, n_domains, labelled) if draw else {"card": PIXEL, "domains": PIXEL},
    }  # fmt: skip


def fake_scores(ari: float, rng: np.random.Generator, labelled: bool) -> list[dict]:
    rows = []
    for key, method, kind, what, drop in (
        ("stmfg", "stmfg", "learned", "consensus of 5 seeds", 0.0),
        ("stmfg_untrained", "stmfg", "control", "untrained network", rng.normal(0.01, 0.02)),
        ("baseline", "baseline", "control", "smoothed PCA, vote of mixtures", rng.normal(0.02, 0.02)),
        ("pca_kmeans", "pca_kmeans", "control", "PCA, KMeans", 0.25),
    ):
        row = {"key": key, "method": method, "kind": kind, "what": what, "n_seeds": 5}
        if labelled:
            value = float(ari - drop)
            row |= {
                "ari": value,
                "nmi": value + 0.1,
                "ami": value + 0.09,
                "homogeneity": value,
                "completeness": value,
            }
            if method == "stmfg":
                row |= {"ari_mean": value - 0.002, "ari_sd": 0.01}
        rows.append({**row, "chaos": 0.06, "pas": float(rng.uniform(0, 0.2)), "asw": 0.1, "morans_i": 0.8})
    return rows


def histogram(values: np.ndarray, *, log: bool = False) -> dict[str, list[float]]:
    """As QC records it: bin edges and counts."""
    edges = np.geomspace(values.min(), values.max(), 31) if log else np.linspace(0, values.max(), 31)
    return {"edges": edges.tolist(), "counts": np.histogram(values, edges)[0].tolist()}


def degrees(mean: float, n_spots: int, rng: np.random.Generator) -> dict:
    share = np.bincount(rng.poisson(mean, n_spots) + 1) / n_spots * 100
    return {
        "mean": mean,
        "min": 1,
        "max": len(share),
        "distribution": [[k, float(s)] for k, s in enumerate(share) if s],
    }


def lattice(n_rows: int, n_columns: int, pitch: float = 100.0) -> np.ndarray:
    """(N, 2) centres of a hexagonal lattice."""
    row, column = np.divmod(np.arange(n_rows * n_columns), n_columns)
    return np.column_stack([(column + 0.5 * (row % 2)) * pitch, row * pitch * np.sqrt(0.75)])


def real_pictures(rng: np.random.Generator, n_domains: int, labelled: bool) -> dict[str, str]:
    """Layered tissue, drawn as the pipeline draws it."""
    from tissuegraph.figures.domains import LabelPanel, confidence_figure, domain_figure, single_domain_figure
    from tissuegraph.figures.quality import quality_figure
    from tissuegraph.figures.save import thumbnail
    from tissuegraph.figures.tissue import Tissue

    position = lattice(60, 60)
    centre = position.mean(axis=0) + rng.normal(0, 1500, 2)
    depth = np.hypot(*(position - centre).T)
    inside = np.hypot(*((position - position.mean(axis=0)) / (1, 0.8)).T) < 2900
    position, depth = position[inside], depth[inside]
    truth = np.searchsorted(np.quantile(depth, np.linspace(0, 1, n_domains + 1)[1:-1]), depth) + 1
    noisy = np.where(rng.random(len(truth)) < 0.08, rng.integers(1, n_domains + 1, len(truth)), truth)
    tissue = Tissue(position, um_per_px=1.0)
    names = tuple(f"Layer {k + 1}" for k in range(n_domains))
    panels = [LabelPanel("Annotation", truth, names=names)] if labelled else []
    panels += [
        LabelPanel("stMFG", noisy, "ARI 0.61, sd 0.01 over 5 seeds"),
        LabelPanel("Baseline: smoothed PCA", noisy),
    ]
    counts = rng.lognormal(8, 0.5, len(truth))
    figures = {
        "domains": domain_figure(tissue, panels),
        "confidence": confidence_figure(tissue, noisy, rng.beta(8, 1, len(truth))),
        "quality": quality_figure(
            tissue, counts, counts / 3, counts % 10, counts > np.quantile(counts, 0.02)
        ),
    }
    small = {
        name: thumbnail(figure, round(figure.get_figwidth() / 3.4 * 300)) for name, figure in figures.items()
    }
    return {**small, "card": thumbnail(single_domain_figure(tissue, noisy), 240)}


def write(record: Record, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    record.write(path)


def fake_cohort(folder: Path, *, guard: str = "shown") -> None:
    """One matched group `lung, left` of the slices of `fake_run`; the first one teaches the others."""
    rows = json.loads((folder / "rows.json").read_text())
    samples = [row["sample"] for row in rows]
    names = ["tumour & <stroma>", "L2"]
    sentence = f"Transfer was {guard}: macro-F1 .71 on left-out teachers."
    for index, row in enumerate(rows):
        row |= {"group": "lung, left", "group_id": "lung__left", "patient": "P1", "teaches": index == 0}
        path = folder / "records" / str(index) / "assemble.json"
        entry = json.loads(path.read_text())
        entry["metrics"] |= {
            "matched": True,
            "pictures": {"card": PIXEL, "domains": PIXEL, "card_annotation": PIXEL},
        }
        if index:
            entry["metrics"]["regions"] = {
                **{"names": names, "teachers": samples[:1], "guard": guard, "sentence": sentence},
                **{"coverage": 0.75, "composition": {"L2": 500}, "scores": {"macro_f1": 0.62, "ari": 0.5}},
            }
            entry["metrics"]["pictures"]["card_regions"] = PIXEL
        path.write_text(json.dumps(entry))
    (folder / "rows.json").write_text(json.dumps(rows))
    taught = {"teachers": samples[:1], "names": names, "guard": guard, "sentence": sentence}
    taught["members"] = [
        {"name": "lda_hops", "weight": 0.2, "macro_f1": 0.6, "accuracy": 0.7, "ari": 0.5},
        {"name": "stmfg", "weight": 0.8, "macro_f1": 0.7, "accuracy": 0.8, "ari": 0.6},
    ]
    figures = {"accuracy": 0.82, "macro_f1": 0.71, "ari": 0.6, "ece": 0.05, "coverage": 0.9, "n_sections": 3}
    taught["spelling"] = [["tumour", "Tumour"]]
    taught["left_out"] = {"within": figures, "across": None}
    verdict = {
        "kind": "partly shared",
        "sentence": "3 of 7 domains lie in one section.",
        "joint_refused": True,
    }
    verdict["figures"] = {"share_in_one_section": 0.43, "mixing": 0.6, "depth_ratio": None}
    standing = {"profile": 4.2, "composition": 1.0, "quality": None, "reasons": ["few UMIs"]}
    rest = {"profile": 0.3, "composition": 0.4, "quality": 0.2, "reasons": []}
    told = [{"sample": sample, **(standing if k == 1 else rest)} for k, sample in enumerate(samples)]
    for step, metrics in (
        ("teach", taught),
        ("cohort", {"verdict": verdict, "standing_out": told}),
        (
            "match",
            {"results": {"stmfg": {"n_domains": 7, "shared": {"1": samples, "2": samples}, "alone": [7]}}},
        ),
    ):
        write(
            Record("group:lung__left", step, metrics=metrics),
            folder / "records" / f"group_{step}" / f"{step}.json",
        )
