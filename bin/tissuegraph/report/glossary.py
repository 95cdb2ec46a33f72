"""What scores and losses mean, in one sentence each, to stand beside them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

SCORES = {
    "ARI": "adjusted Rand index, how far two ways of dividing the spots agree beyond chance: higher is "
    "better, 1 is the same, 0 is chance, below 0 is worse than chance.",
    "NMI": "normalised mutual information, how much of one division the other tells: higher is better, 0 to "
    "1, not corrected for chance.",
    "AMI": "adjusted mutual information, NMI corrected for chance: higher is better, 1 is the same, 0 is "
    "chance.",
    "Homogeneity": "whether each domain holds spots of one region only: higher is better, 0 to 1.",
    "Completeness": "whether each region lies in one domain only: higher is better, 0 to 1.",
    "PAS": "share of spots that disagree with most of their neighbours: lower is smoother, 0 to 1.",
    "CHAOS": "mean distance to the nearest spot of the same domain, where the tissue is scaled to unit "
    "spread: lower is smoother, from 0.",
    "ASW": "silhouette width of the domains on positions, whether spots lie nearer to their own domain than "
    "to the next: higher is more compact, -1 to 1; layers and rings are low by their shape.",
    "Moran's I": "whether neighbours have the same domain more often than by chance: higher is smoother, "
    "about 0 is chance, 1 is the most.",
    "Gain": "ARI minus that of the best control, ± the spread over seeds: it counts only where it is larger "
    "than the spread and than 0.01.",
    "Macro-F1": "how well each region is found and kept pure, mean over regions however small: higher is "
    "better, 0 to 1.",
    "Accuracy": "share of spots that get their annotated region: higher is better, 0 to 1.",
    "Calibration error": "how far probabilities are from how often they are right: lower is better, 0 to 1.",
    "Called": "share of spots whose region is sure enough to be said; the rest is unsure.",
    "PCC": "Pearson correlation of inferred with measured expression over the spots of a slice: higher is "
    "better, -1 to 1, 0 is none.",
    "RMSE": "root mean squared error of log-normalised expression: lower is better, from 0.",
}

_TOTAL = "the sum of the others by their weights, which is what training lowers."
LOSSES = {
    "stmfg": {
        "zinb": "how badly the counts are rebuilt, as minus the log-likelihood of a zero-inflated negative "
        "binomial: lower is better, has no fixed range.",
        "contrastive": "how hard it is to tell which two views, in space and in expression, belong to one "
        "spot: lower is better, from 0.",
        "contrastive_image": "the same between the image and the other views: lower is better, from 0.",
        "image": "squared error of the image's components, read back from the embedding: lower is better; a "
        "constant reaches about 1.",
        "regulariser": "how unlike neighbouring spots are in the embedding, and how alike distant ones: "
        "lower is smoother, from 0.",
        "total": _TOTAL,
    },
    "multist": {
        "reconstruction": "mean squared error of the rebuilt expression: lower is better, from 0.",
        "graph": "how badly the embedding tells which spots are neighbours: lower is better, from 0.",
        "masked": "how badly the expression of hidden spots is told from their neighbours: lower is better, "
        "from 0.",
        "adversarial": "how easily a second network tells embeddings from random draws: it need not fall, "
        "as both networks learn.",
        "dec": "how far spots are from belonging to one cluster each, in the second stage only: lower is "
        "sharper, from 0.",
        "sdm": "how far similarities of spots in the image differ from those in expression: lower is "
        "better, from 0.",
        "infonce": "how hard it is to tell which image belongs to which spot's genes: lower is better, from "
        "0.",
        "retention": "how much of the image is lost when it is fused with the genes: lower is better, from "
        "0.",
        "total": f"{_TOTAL} Where the slice has an image it starts again, with other terms, when that is "
        f"fused in.",
    },
}


def scores_explained(names: Iterable[str]) -> str:
    """A list of the scores by their titles, each with its sentence; HTML."""
    return terms((name, SCORES[name]) for name in names)


def losses_explained(method: str, names: Iterable[str]) -> str:
    """A list of a method's loss terms; one that has no sentence is left out; HTML."""
    known = LOSSES.get(method, {})
    return terms((name, known[name]) for name in names if name in known)


def terms(entries: Iterable[tuple[str, str]]) -> str:
    """`<ul>` of words with what they mean."""
    lines = "".join(f"<li><strong>{escape(name)}</strong>: {escape(text)}</li>" for name, text in entries)
    return f'<ul class="tg-terms">{lines}</ul>' if lines else ""
