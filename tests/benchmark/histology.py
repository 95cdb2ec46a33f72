#!/usr/bin/env python3
"""Does the image help? Domains with image features beside controls that only look like an image.

\b
    histology.py --data ../shared/data                      both methods, 5 seeds, all slices with an image
    histology.py --slice C2 --method stmfg --n-seeds 2      some of it

For every method and slice: no image; image features; the same in spite of what the label-free rule says of
them; permuted over spots; coordinates in their place; colour only. Labels are read for scores only. Slices
without labels are scored by how well domains agree with those from genes alone, and with those of the other
sections of the patient.
"""

from __future__ import annotations

import statistics
import sys
from itertools import permutations
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from image_slices import SLICES, ImageSlice, prepare  # noqa: E402
from tables import markdown  # noqa: E402

VARIANTS = {
    "none": "no image",
    "image": "image",
    "forced": "image, whatever its trust",
    "permuted": "image, permuted over spots",
    "coordinates": "coordinates in its place",
    "colour": "colour only",
}
METHODS = ("stmfg", "multist")
FORCED = {"stmfg": ["model.image_trust=0.5"], "multist": ["fusion.image_trust=0.5"]}
folder = click.Path(file_okay=False, path_type=Path)


@click.command(help=__doc__)
@click.option("--data", type=folder, required=True, help="Folder of the slices.")
@click.option("--out", type=folder, default=Path("results/histology"), help="Folder to write to.")
@click.option("--slice", "names", multiple=True, type=click.Choice([s.sample for s in SLICES]))
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS))
@click.option("--variant", "variants", multiple=True, type=click.Choice(list(VARIANTS)))
@click.option("--n-seeds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--table-only", is_flag=True, help="Run nothing: tables of what earlier runs found.")
def main(data, out, names, methods, variants, n_seeds, table_only) -> None:
    chosen = [entry for entry in SLICES if not names or entry.sample in names]
    found_in = out / "labels"
    if not table_only:
        found_in.mkdir(parents=True, exist_ok=True)
        for entry in chosen:
            made = prepare(entry, data.resolve(), out.resolve(), ("handcrafted", "colour"))
            for method in methods or METHODS:
                for variant in variants or VARIANTS:
                    path = found_in / f"{entry.sample}.{method}.{variant}.npz"
                    if not path.exists():
                        np.savez(path, **domains(entry, made, method, variant, n_seeds))
                        click.echo(f"{path.stem} done", err=True)
    text = "\n\n".join(tables(chosen, out, found_in))
    (out / "histology.md").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


def domains(entry: ImageSlice, made: Path, method: str, variant: str, n_seeds: int) -> dict[str, np.ndarray]:
    """Labels of every seed (S, N), trained and untrained, and the seconds of one training."""
    from tissuegraph.clustering.domains import find_domains
    from tissuegraph.presets import load_settings
    from tissuegraph.slices.arrays import SliceArrays

    if method == "stmfg":
        from tissuegraph.stmfg.training import train_seeds
    else:
        from tissuegraph.multist.training import train_seeds
    arrays = SliceArrays.load(made / f"{method}.npz")
    settings = load_settings("default", FORCED[method] if variant == "forced" else (), method=method)
    labels, untrained, seconds = [], [], []
    for seed in range(n_seeds):
        image = image_features(made, variant, arrays.position, seed)
        (result,) = train_seeds(arrays, settings, seeds=[seed], device="auto", image=image)
        for latent, into in ((result.embedding, labels), (result.untrained, untrained)):
            found = find_domains(latent[None], arrays, entry.n_domains, settings.clustering, seed)
            into.append(found.labels)
        seconds.append(result.seconds)
    return {"labels": np.stack(labels), "untrained": np.stack(untrained), "seconds": np.array(seconds)}


def image_features(made: Path, variant: str, position: np.ndarray, seed: int) -> np.ndarray | None:
    """(N, F) float32 of one control; None without an image."""
    if variant == "none":
        return None
    if variant == "coordinates":
        return position.astype(np.float32)
    with np.load(made / f"{'colour' if variant == 'colour' else 'handcrafted'}.npz") as stored:
        features = stored["features"]
    if variant == "permuted":
        return features[np.random.default_rng(seed).permutation(len(features))]
    return features


def tables(chosen: list[ImageSlice], out: Path, found_in: Path) -> list[str]:
    """ARI against the annotation; agreement with genes alone; agreement between sections of a patient."""
    labels = {}
    for path in sorted(found_in.glob("*.npz")):
        with np.load(path) as stored:
            labels[tuple(path.stem.split("."))] = {name: stored[name] for name in stored.files}
    annotated = [entry for entry in chosen if entry.annotation]
    sections = [entry for entry in chosen if entry.patient]
    parts = []
    if annotated:
        rows = _rows(labels, annotated, lambda entry, found: _annotation_ari(out, entry, found))
        parts.append("ARI with the annotation\n\n" + rows)
    if sections:
        rows = _rows(labels, sections, lambda entry, found: _against_genes(labels, entry, found))
        parts.append("ARI with the domains from genes alone, same seed\n\n" + rows)
        rows = _rows(labels, sections, lambda entry, found: _across(out, labels, sections, entry, found))
        parts.append(
            "Agreement between sections: ARI with labels carried over from the other sections\n\n" + rows
        )
    return parts


def _rows(labels, entries, score) -> str:
    body = []
    for method in METHODS:
        for variant, title in VARIANTS.items():
            for kind in ("labels", "untrained"):
                cells = []
                for entry in entries:
                    key = (entry.sample, method, variant)
                    cells.append(score(entry, (*key, labels[key][kind], kind)) if key in labels else None)
                if any(cells):
                    name = f"{method}, {title}" + (", untrained" if kind == "untrained" else "")
                    body.append([name, *(_cell(values) for values in cells), _mean_cell(cells)])
    return markdown(["", *(entry.sample for entry in entries), "mean"], body)


def _cell(values: list[float] | None) -> str:
    if not values:
        return "none"
    spread = statistics.stdev(values) if len(values) > 1 else 0
    return f"{statistics.mean(values):.3f} ± {spread:.3f}"


def _mean_cell(cells) -> str:
    """Mean over slices seed by seed, so that its spread is that of the seeds."""
    if not all(cells) or not cells:
        return "none"
    return _cell([statistics.mean(values) for values in zip(*cells, strict=False)])


def _annotation_ari(out: Path, entry: ImageSlice, found) -> list[float]:
    import anndata
    import pandas as pd

    from tissuegraph.results.kept import annotation_codes, kept_slice
    from tissuegraph.scores.metrics import agreement_scores

    data = anndata.read_h5ad(out / entry.sample / "slice.h5ad")
    spots = pd.read_csv(out / entry.sample / "spots.csv.gz", index_col=0, dtype={0: str})
    codes, _ = annotation_codes(kept_slice(data, spots))
    return [agreement_scores(labels, codes)["ari"] for labels in found[3]]


def _against_genes(labels, entry: ImageSlice, found) -> list[float]:
    from sklearn.metrics import adjusted_rand_score

    genes = labels.get((entry.sample, found[1], "none"))
    if genes is None:
        return []
    return [adjusted_rand_score(a, b) for a, b in zip(genes["labels"], found[3], strict=True)]


def _across(out: Path, labels, sections, entry: ImageSlice, found) -> list[float]:
    """Labels of each other section, carried over by the 15 nearest spots in expression, beside its own."""
    from sklearn.metrics import adjusted_rand_score
    from sklearn.neighbors import KNeighborsClassifier

    scores: list[list[float]] = []
    for other, own in permutations(sections, 2):
        theirs = labels.get((other.sample, found[1], found[2]))
        if own is not entry or theirs is None:
            continue
        source, target = _shared_components(out, other.sample, own.sample)
        scores.append(
            [
                adjusted_rand_score(
                    KNeighborsClassifier(15).fit(source, theirs[found[4]][seed]).predict(target), mine
                )
                for seed, mine in enumerate(found[3])
            ]
        )
    return [statistics.mean(values) for values in zip(*scores, strict=True)]


_components: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}


def _shared_components(out: Path, one: str, two: str) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of two sections' expression, each centred by itself and smoothed over 8 spots."""
    from sklearn.decomposition import PCA

    from tissuegraph.io.stored import read_kept
    from tissuegraph.slices.smoothing import mean_over_nearest

    if (one, two) not in _components:
        kept = [read_kept(out / name / "slice.h5ad", out / name / "spots.csv.gz") for name in (one, two)]
        shared = sorted(set(kept[0].genes) & set(kept[1].genes))
        parts = []
        for part in kept:
            column = {gene: index for index, gene in enumerate(part.genes)}
            counts = part.counts[:, [column[gene] for gene in shared]].toarray()
            depth = counts.sum(1, keepdims=True)
            logged = np.log1p(counts / depth * np.median(depth))
            parts.append(mean_over_nearest(part.xy, 8) @ (logged - logged.mean(0)))
        both = PCA(15, random_state=0).fit(np.vstack(parts))
        _components[one, two] = tuple(both.transform(part) for part in parts)
    return _components[one, two]


if __name__ == "__main__":
    main()
