#!/usr/bin/env python3
"""Generated tissue that its picture shows, its genes show, or each by its own map: who finds the domains?

\b
    pictured.py                                      both methods, 3 tissues, 3 seeds each
    pictured.py --case picture --contrast 1 --method stmfg
    pictured.py --trust-only --tissues 3 --tissues 4     what the rule sees, nothing trained

The image's trust is that of the label-free rule. Cells: ARI, mean over tissues and seeds ± standard deviation
over seeds of the mean over tissues; in brackets the tissues' means.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests"), str(Path(__file__).parent)]

from helpers.pictured_tissue import N_REGIONS, SHOWN, Pictured, pictured_tissue  # noqa: E402
from tables import markdown  # noqa: E402

METHODS = ("stmfg", "multist")
IMAGES = {"none": "no image", "own": "image", "permuted": "image, permuted over spots"}


@click.command(help=__doc__)
@click.option("--case", "cases", multiple=True, type=click.Choice(SHOWN), help="What shows the domains.")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS))
@click.option("--image", "images", multiple=True, type=click.Choice(list(IMAGES)))
@click.option("--tissues", "tissues", multiple=True, type=int, default=(0, 1, 2), show_default=True)
@click.option("--n-seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--contrast", default=1.6, show_default=True, help="How far the looks of regions differ.")
@click.option("--trust-only", is_flag=True, help="Train nothing: what the label-free rule sees and says.")
@click.option("--set", "overrides", multiple=True, help="Of the preset, as topic.key=value; with one method.")
def main(cases, methods, images, tissues, n_seeds, contrast, trust_only, overrides) -> None:
    cases = cases or SHOWN
    drawn = {(case, t): pictured_tissue(t, case, contrast=contrast) for case in cases for t in tissues}
    if trust_only:
        click.echo(what_the_rule_sees(drawn, images or IMAGES))
        return
    rows, trusts = [], []
    for method in methods or METHODS:
        for shown in images or IMAGES:
            cells = []
            for case in cases:
                found = [score(drawn[case, t], method, shown, n_seeds, overrides) for t in tissues]
                cells.append(cell(np.array([scores for scores, _ in found])))
                if shown == "own":
                    trusts.append([f"{method}, {case}", *(f"{trust:.2f}" for _, trust in found)])
            rows.append([f"{method}, {IMAGES[shown]}", *cells])
            click.echo(" | ".join(rows[-1]), err=True)
    click.echo(markdown(["ARI", *cases], rows))
    if trusts:
        click.echo("\n" + markdown(["trust", *(f"tissue {t}" for t in tissues)], trusts))


def score(
    made: Pictured, method: str, shown: str, n_seeds: int, overrides: tuple[str, ...] = ()
) -> tuple[list[float], float]:
    """ARI of each seed, and the trust; NaN without image."""
    from sklearn.metrics import adjusted_rand_score

    from tissuegraph.clustering.domains import find_domains
    from tissuegraph.methods import METHODS as KNOWN
    from tissuegraph.presets import load_settings

    settings = load_settings("default", overrides, method=method)
    arrays, scores = made.arrays(settings), []
    for seed in range(n_seeds):
        image = {"none": None, "own": made.image, "permuted": permuted(made.image, seed)}[shown]
        (result,) = KNOWN[method].trainer()(arrays, settings, seeds=[seed], device="cpu", image=image)
        found = find_domains(result.embedding[None], arrays, N_REGIONS, settings.clustering, seed)
        scores.append(adjusted_rand_score(made.domain, found.labels))
    return scores, np.nan if result.image_trust is None else result.image_trust


def what_the_rule_sees(drawn: dict[tuple[str, int], Pictured], images) -> str:
    """Coherence, agreement, groups and the trust that follows, for stMFG."""
    from tissuegraph.histology.trust import view_evidence
    from tissuegraph.presets import load_settings

    settings, rows = load_settings("default", method="stmfg"), []
    for (case, tissue), made in drawn.items():
        arrays = made.arrays(settings)
        for shown in (each for each in images if each != "none"):
            image = made.image if shown == "own" else permuted(made.image, tissue)
            seen = view_evidence(arrays.features, image, arrays.spatial)
            numbers = (seen.coherence, seen.agreement, seen.groups, seen.trust)
            rows.append([f"{case}, tissue {tissue}, {IMAGES[shown]}", *(f"{value:.2f}" for value in numbers)])
    return markdown(["", "coherence", "agreement", "groups", "trust"], rows)


def permuted(image: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(image)


def cell(scores: np.ndarray) -> str:
    """scores: (tissues, seeds)."""
    spread = scores.mean(axis=0).std(ddof=1) if scores.shape[1] > 1 else 0.0
    by_tissue = ", ".join(f"{value:.2f}" for value in scores.mean(axis=1))
    return f"{scores.mean():.3f} ± {spread:.3f} ({by_tissue})"


if __name__ == "__main__":
    main()
