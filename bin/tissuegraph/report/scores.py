"""Learned domains beside the controls they have to beat, and what may be said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.claims import claim
from tissuegraph.report.glossary import SCORES, scores_explained
from tissuegraph.report.outcomes import Outcome, methods_of
from tissuegraph.report.section import Section, count, signed, with_spread
from tissuegraph.scores.gain import WORDS
from tissuegraph.scores.labellings import JOINT, JOINT_STMFG, JOINT_TITLES
from tissuegraph.scores.table import CONTROL, CONTROLS, LEARNED, UNREFINED

# One per method; its untrained network, a control of that method alone, has the same hue and is paler
_LEARNED = ("#0072B2", "#B0307A", "#117A8B", "#C25E00")
_UNTRAINED = ("#9CC9E8", "#E9B3D2", "#9AD3DB", "#F5C48F")
_JOINT = {JOINT: "#009E73", JOINT_STMFG: "#00573B"}
_CONTROLS = {"baseline": "#5A2D00", "pca_kmeans": "#B9A06A"}
_AGREEMENT = {
    "ari": "ARI", "nmi": "NMI", "ami": "AMI", "homogeneity": "Homogeneity", "completeness": "Completeness",
}  # fmt: skip
_COHERENCE = {
    "pas": ("PAS", "Share of spots that disagree with most of their neighbours: lower is smoother"),
    "chaos": ("CHAOS", "Mean distance to the nearest spot of the same domain: lower is smoother"),
    "asw": ("ASW", "Silhouette width of the domains on positions: higher is more compact"),
    "morans_i": ("Moran's I", "Spatial autocorrelation of the domains: higher is smoother"),
}
_BEATEN = "an untrained network of the same shape, smoothed PCA and plain PCA"
PARENT = (
    "tissuegraph_scores",
    "Scores beside the controls",
    "A method is worth its training only where it is above its controls: its own untrained network, "
    "smoothed PCA, and plain PCA.",
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """What may be claimed in words, a bar graph of agreement, a table of all scores."""
    scored = [outcome for outcome in outcomes if outcome.metrics.get("scores")]
    if not scored:
        return []
    found = [Section("scores_summary", "What the scores say", PARENT, "html", _words(scored))]
    labelled = [outcome for outcome in scored if outcome.agreement_known]
    if labelled:
        found.append(_bars(labelled))
    return [*found, _table(scored)]


def _words(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for method, title in methods_of(outcomes).items():
        gains = [gain for outcome in outcomes if (gain := outcome.metrics.get("gain", {}).get(method))]
        if gains:
            lines.append(claim(gains, title, score="an ARI", controls=_BEATEN, slices="labelled slice"))
    unlabelled = sum(not outcome.agreement_known for outcome in outcomes)
    if unlabelled:
        lines.append(
            f"{count(unlabelled, 'slice')} without annotation of two regions or more cannot be scored "
            "against labels; for them the table shows spatial coherence only, which rewards smooth domains "
            "whether or not they are true."
        )
    return "".join(f"<p>{line}</p>" for line in lines)


def _bars(outcomes: Sequence[Outcome]) -> Section:
    methods = methods_of(outcomes)
    categories = {
        key: {"name": CONTROLS[key].title, "color": _CONTROLS[key]} for key in reversed(list(CONTROLS))
    }
    for index, (method, title) in enumerate(methods.items()):
        colour = _UNTRAINED[index % len(_UNTRAINED)]
        categories[f"{method}_untrained"] = {"name": f"{title}, untrained", "color": colour}
    for index, (method, title) in enumerate(methods.items()):  # last is drawn on top
        categories[method] = {"name": title, "color": _LEARNED[index % len(_LEARNED)]}
    for name, title in JOINT_TITLES.items():
        if any(outcome.score(name, "ari") is not None for outcome in outcomes):
            categories[name] = {"name": title, "color": _JOINT[name]}
    shown = {name: title for name, title in _AGREEMENT.items() if name in ("ari", "nmi")}
    data = [
        {
            o.sample: {k: o.score(k, name) for k in categories if k not in JOINT_TITLES or o.score(k, name)}
            for o in outcomes
        }
        for name in shown
    ]
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
        description="Learned domains are the consensus over seeds; below them stand the controls."
        + scores_explained(_AGREEMENT[name] for name in shown),
        config=config, categories=[categories] * len(shown),
    )  # fmt: skip


def _table(outcomes: Sequence[Outcome]) -> Section:
    """One row per slice and result. Names of rows must be unique, so they hold both."""
    titles = methods_of(outcomes)
    data = {
        f"{escape(outcome.sample)} · {_name(row, titles)}": _cells(row, outcome.metrics.get("gain", {}))
        for outcome in outcomes
        for row in outcome.metrics["scores"]
    }
    filled = {name for row in data.values() for name in row}
    headers = {name: header for name, header in _headers().items() if name in filled}
    return Section(
        "scores_table", "All scores", PARENT, "table", data,
        config={
            "col1_header": "Slice · result", "sort_rows": False, "no_violin": True, "rows_are_samples": False,
        },
        headers=headers,
        description="A method's answer, and what it has to beat." + scores_explained(_titles(headers)),
    )  # fmt: skip


def _titles(headers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Titles of the scores that the table shows."""
    return [
        header["title"]
        for header in headers.values()
        if header["title"] in SCORES and not header.get("hidden")
    ]


def _cells(row: Mapping[str, Any], gains: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the table; a method's answer also tells its gain over its controls."""
    cells: dict[str, Any] = {}
    if row.get("ari_mean") is not None:
        cells["seeds"] = with_spread(row["ari_mean"], row.get("ari_sd"))
    cells |= {name: row[name] for name in (*_AGREEMENT, *_COHERENCE) if row.get(name) is not None}
    gain = gains.get(row["method"]) if row["kind"] == LEARNED else None
    if gain:
        cells |= {"gain": signed(gain["gain"], gain["spread"]), "verdict": WORDS[gain["verdict"]]}
    return cells


def _headers() -> dict[str, dict[str, Any]]:
    unit = {"scale": "YlGn", "min": 0, "max": 1, "format": "{:,.3f}"}
    headers: dict[str, dict[str, Any]] = {"ari": {"title": "ARI", **unit}}
    headers["seeds"] = {"title": "ARI over seeds", "description": "mean ± standard deviation", "scale": False}
    for name in ("gain", "verdict"):
        headers[name] = {"title": name.title(), "description": "against the best control", "scale": False}
    for name, title in _AGREEMENT.items():
        headers.setdefault(name, {"title": title, "hidden": name != "nmi", **unit})
    for name, (title, description) in _COHERENCE.items():
        headers[name] = {"title": title, "description": description, "scale": "Blues", "format": "{:,.3f}"}
    return headers


def _name(row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """What one row of scores is called: a method's answer, or one of its controls."""
    if row["method"] in JOINT_TITLES:
        return JOINT_TITLES[row["method"]]
    if row["method"] in CONTROLS:
        return CONTROLS[row["method"]].title
    suffix = {LEARNED: "", UNREFINED: " before refinement", CONTROL: " untrained"}[row["kind"]]
    return escape(titles[row["method"]]) + suffix
