"""Learned domains beside the controls they have to beat, and what may be said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import mean
from typing import Any

from tissuegraph.report.outcomes import Outcome, methods_of
from tissuegraph.report.overview import VERDICTS, signed
from tissuegraph.report.section import Section, count

_LEARNED = ("#0072B2", "#CC79A7", "#56B4E9", "#E69F00")  # one per method
_CONTROLS = {"untrained": "#8C8C8C", "baseline": "#5A2D00", "pca_kmeans": "#D2B45A"}
_AGREEMENT = {
    "ari": "ARI", "nmi": "NMI", "ami": "AMI", "homogeneity": "Homogeneity", "completeness": "Completeness",
}  # fmt: skip
_COHERENCE = {
    "pas": ("PAS", "Share of spots that disagree with most of their neighbours: lower is smoother"),
    "chaos": ("CHAOS", "Mean distance to the nearest spot of the same domain: lower is smoother"),
    "asw": ("ASW", "Silhouette width of the domains on positions: higher is more compact"),
    "morans_i": ("Moran's I", "Spatial autocorrelation of the domains: higher is smoother"),
}
PARENT = ("tissuegraph_scores", "Scores beside the controls", "")


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """What may be claimed in words, a bar graph of agreement, a table of all scores."""
    scored = [outcome for outcome in outcomes if outcome.metrics.get("scores")]
    if not scored:
        return []
    found = [Section("scores_summary", "What the scores say", PARENT, "html", _words(scored))]
    labelled = [outcome for outcome in scored if outcome.metrics.get("n_labelled")]
    if labelled:
        found.append(_bars(labelled))
    return [*found, _table(scored)]


def _words(outcomes: Sequence[Outcome]) -> str:
    lines = [
        sentence
        for method, title in methods_of(outcomes).items()
        for sentence in claim(outcomes, method, title)
    ]
    unlabelled = sum(not outcome.metrics.get("n_labelled") for outcome in outcomes)
    if unlabelled:
        lines.append(
            f"{count(unlabelled, 'slice')} without annotation cannot be scored against labels; for them the "
            "table shows spatial coherence only, which rewards smooth domains whether or not they are true."
        )
    return "".join(f"<p>{line}</p>" for line in lines)


def claim(outcomes: Sequence[Outcome], method: str, title: str) -> list[str]:
    """What the ARIs of one method allow to be said, in one or two sentences; none without labels."""
    gains = [
        outcome.metrics["gain"][method] for outcome in outcomes if outcome.metrics.get("gain", {}).get(method)
    ]
    if not gains:
        return []
    verdicts = [gain["verdict"] for gain in gains]
    title = escape(title)
    controls = "an untrained network of the same shape, smoothed PCA and plain PCA"
    average = mean(gain["gain"] for gain in gains)
    over = "On the labelled slice" if len(gains) == 1 else f"Over {len(gains)} labelled slices"
    lines = [
        f"{over}, <strong>{title}</strong> has an ARI of {mean(gain['ari'] for gain in gains):.2f} against "
        f"{mean(gain['best_control_ari'] for gain in gains):.2f} of each slice's best control ({controls}): "
        f"a difference of {average:+.2f}."
    ]
    if "one seed" in verdicts:
        lines.append("With one seed there is no spread to judge this difference by: no gain is claimed.")
        return lines
    above, below = verdicts.count("above"), verdicts.count("below")
    text = (
        f"It is above all controls by more than its spread over seeds on {above} of {len(gains)}, "
        f"below on {below}."
    )
    if above * 2 <= len(gains) or average <= 0:
        text += f" <strong>No gain of {title} over the controls is shown here.</strong>"
    lines.append(text)
    return lines


def _bars(outcomes: Sequence[Outcome]) -> Section:
    methods = methods_of(outcomes)
    categories = {"pca_kmeans": {"name": "PCA + KMeans", "color": _CONTROLS["pca_kmeans"]}}
    categories["baseline"] = {"name": "Smoothed PCA (baseline)", "color": _CONTROLS["baseline"]}
    for method, title in methods.items():
        name = "Untrained network" if len(methods) == 1 else f"{title}, untrained"
        categories[f"{method}_untrained"] = {"name": name, "color": _CONTROLS["untrained"]}
    for index, (method, title) in enumerate(methods.items()):  # last is drawn on top
        categories[method] = {"name": title, "color": _LEARNED[index % len(_LEARNED)]}
    shown = {name: title for name, title in _AGREEMENT.items() if name in ("ari", "nmi")}
    data = [{o.sample: {key: o.score(key, name) for key in categories} for o in outcomes} for name in shown]
    config = {
        "title": "Agreement with the annotation",
        "stacking": "group",
        "cpswitch": False,
        "sort_samples": False,
        "hide_zero_cats": False,
        "data_labels": [{"name": title, "ylab": title} for title in shown.values()],
        "ymax": 1,
        "ymin": 0,
        "tt_decimals": 2,
    }
    return Section(
        "scores_agreement", "Agreement with the annotation", PARENT, "bargraph", data,
        description="0 is chance, 1 is perfect. Learned domains are the consensus over seeds.",
        config=config, categories=[categories] * len(shown),
    )  # fmt: skip


def _table(outcomes: Sequence[Outcome]) -> Section:
    """One row per slice and result. Names of rows must be unique, so they hold both."""
    titles = methods_of(outcomes)
    data = {}
    for outcome in outcomes:
        for row in outcome.metrics["scores"]:
            cells: dict[str, Any] = {}
            if row.get("ari_mean") is not None:
                cells["seeds"] = signed_spread(row["ari_mean"], row.get("ari_sd"))
            cells |= {k: row[k] for k in (*_AGREEMENT, *_COHERENCE) if row.get(k) is not None}
            gain = outcome.metrics.get("gain", {}).get(row["method"]) if row["kind"] == "learned" else None
            if gain:
                cells |= {"gain": signed(gain["gain"], gain["spread"]), "verdict": VERDICTS[gain["verdict"]]}
            data[f"{escape(outcome.sample)} · {_result(row, titles)}"] = cells
    headers: dict[str, dict[str, Any]] = {}
    headers["ari"] = {"title": "ARI", "scale": "YlGn", "min": 0, "max": 1, "format": "{:,.3f}"}
    headers["seeds"] = {"title": "ARI over seeds", "description": "mean ± standard deviation", "scale": False}
    for name in ("gain", "verdict"):
        headers[name] = {"title": name.title(), "description": "against the best control", "scale": False}
    for name, title in _AGREEMENT.items():
        headers.setdefault(
            name,
            {
                "title": title,
                "scale": "YlGn",
                "min": 0,
                "max": 1,
                "format": "{:,.3f}",
                "hidden": name != "nmi",
            },
        )
    for name, (title, description) in _COHERENCE.items():
        headers[name] = {"title": title, "description": description, "scale": "Blues", "format": "{:,.3f}"}
    filled = {name for row in data.values() for name in row}
    return Section(
        "scores_table", "All scores", PARENT, "table", data,
        config={
            "col1_header": "Slice · result", "sort_rows": False, "no_violin": True, "rows_are_samples": False,
        },
        headers={name: header for name, header in headers.items() if name in filled},
    )  # fmt: skip


def _result(row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    if row["kind"] == "learned":
        return escape(titles[row["method"]])
    if row["kind"] == "unrefined":
        return f"{escape(titles[row['method']])} before refinement"
    if row["method"] in titles:
        return f"{escape(titles[row['method']])} untrained"
    return {"baseline": "smoothed PCA", "pca_kmeans": "PCA + KMeans"}.get(row["key"], escape(row["key"]))


def signed_spread(value: float, spread: float | None) -> str:
    """`0.61 ± 0.01`."""
    return f"{value:.2f}" + (f" ± {spread:.2f}" if spread is not None else "")
