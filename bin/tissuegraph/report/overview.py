"""General statistics: one line per slice with what one asks first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph import keys
from tissuegraph.report.glossary import scores_explained
from tissuegraph.report.n_domains import short_number
from tissuegraph.report.outcomes import Outcome, methods_of, shared_unit
from tissuegraph.report.section import STATUS_COLOURS, Section, count, signed
from tissuegraph.scores.gain import WORDS
from tissuegraph.scores.labellings import JOINT_TITLES

LISTED = 10  # names of slices in a sentence; more are counted


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """The table; columns that no slice has a value for are left out."""
    headers = _headers(outcomes)
    data = {outcome.sample: _row(outcome) for outcome in outcomes}
    filled = {name for row in data.values() for name, value in row.items() if value is not None}
    parent = (
        "tissuegraph_overview",
        "General statistics",
        f"One line per slice. {_capital(shared_unit(outcomes))}, genes and mitochondrial share are medians "
        f"over the spots that passed quality control.{_unknown_mito(outcomes)}{_explained(filled)} An empty "
        f"cell is not known.",
    )
    return [
        Section(
            "general_statistics",
            "General statistics",
            parent,
            "table",
            {sample: {k: v for k, v in row.items() if v is not None} for sample, row in data.items()},
            config={"col1_header": "Slice", "sort_rows": False, "no_violin": True, "save_file": True},
            headers={name: header for name, header in headers.items() if name in filled},
        )
    ]


def _explained(columns: Iterable[str]) -> str:
    """What the scores among the columns mean."""
    shown = {name.partition("_")[0] for name in columns}
    titles = {"ari": "ARI", "nmi": "NMI", "gain": "Gain"}
    named = [title for name, title in titles.items() if name in shown]
    if "region_macro_f1" in columns:
        named.append("Macro-F1")
    if "region_coverage" in columns:
        named.append("Called")
    return scores_explained(named)


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _unknown_mito(outcomes: Sequence[Outcome]) -> str:
    """A sentence on slices whose counts tell no mitochondrial share: an empty cell could be taken for 0."""
    unknown = [
        outcome.sample
        for outcome in outcomes
        if outcome.metrics.get("median_counts") is not None and outcome.metrics.get("median_mito") is None
    ]
    if not unknown:
        return ""
    which = ", ".join(map(escape, unknown)) if len(unknown) <= LISTED else count(len(unknown), "slice")
    return f" The mitochondrial share is unknown, as no mitochondrial gene was recognised, in {which}."


def _headers(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Results first: on a laptop the last columns are reached by scrolling."""
    unit = shared_unit(outcomes)
    headers: dict[str, dict[str, Any]] = {
        "status": {
            "title": "Status",
            "description": "passed, warned (finished, look at the reasons) or failed (left the run)",
            "scale": False,
            "cond_formatting_rules": {name: [{"s_eq": name}] for name in STATUS_COLOURS},
            "cond_formatting_colours": [{name: colour} for name, colour in STATUS_COLOURS.items()],
        },
        "group": {
            "title": "Group",
            "description": "Group from the samplesheet",
            "scale": False,
            "hidden": True,
        },
        "expression": {
            "title": "Expression",
            "description": "measured, or inferred from the image",
            "scale": False,
        },
        "n_spots": _number("Spots", "Spots that passed quality control", "Blues", "{:,.0f}"),
        "n_domains": {
            "title": "Domains",
            "description": "Tissue domains in the final answer; in brackets the plausible range where the "
            "number was estimated",
            "scale": False,
        },
    }
    for method, title in methods_of(outcomes).items():
        what = "consensus over seeds against the annotation"
        headers[f"ari_{method}"] = _unit(f"ARI {escape(title)}", what, "YlGn")
        headers[f"nmi_{method}"] = _unit(f"NMI {escape(title)}", what, "YlGn", hidden=True)
    for name, title in JOINT_TITLES.items():
        what = "one clustering over all sections of the group"
        headers[f"ari_{name}"] = _unit(f"ARI {title[0].lower()}{title[1:]}", what, "YlGn")
    what = "smoothed PCA with the vote of mixtures, no learning"
    headers["ari_baseline"] = _unit("ARI baseline", what, "YlGn")
    headers["nmi_baseline"] = _unit("NMI baseline", what, "YlGn", hidden=True)
    for method, title in methods_of(outcomes).items():
        headers[f"gain_{method}"] = {
            "title": f"Gain {escape(title)}",
            "description": "ARI minus that of the best control (untrained network, smoothed PCA, PCA with "
            "KMeans) ± standard deviation over seeds. It counts only where it is larger than that spread and "
            "than 0.01",
            "scale": False,
        }
    headers |= {
        "region_macro_f1": _unit(
            "Regions F1", "Macro-F1 of the regions that other sections taught, against the annotation", "YlGn"
        ),
        "region_coverage": _unit("Called", "Share of spots whose taught region is called", "Purples"),
        "region_guard": {
            "title": "Transfer",
            "description": "Whether regions were shown to carry over, on teachers that were left out",
            "scale": False,
        },
        "mean_confidence": _unit(
            "Confidence", "Agreement of seeds and votes, mean over spots", "Purples", hidden=True
        ),
        "median_counts": _number(_capital(unit), f"Median {unit} per spot", "Greens", "{:,.0f}"),
        "median_genes": _number("Genes", "Median genes per spot", "PuBu", "{:,.0f}"),
        "median_mito": _number(
            "Mito", f"Median mitochondrial share of {unit}", "Oranges", "{:,.1f}", suffix="%"
        ),
        "control_share": _number(
            "Controls",
            "Negative controls' share of all counts; they are left out",
            "Oranges",
            "{:,.2f}",
            suffix="%",
        ),
        "scale": {
            "title": "µm per px",
            "description": "Micrometres per full-resolution pixel, and which source was believed",
            "scale": False,
        },
        "n_dropped": _number("Dropped", "Spots that quality control dropped", "OrRd", "{:,.0f}", hidden=True),
        "n_genes": _number("Genes in slice", "Genes in the slice", "Greys", "{:,.0f}", hidden=True),
    }
    return headers


def _row(outcome: Outcome) -> dict[str, Any]:
    metrics = outcome.metrics
    names = (
        "n_spots", "n_dropped", "n_genes", "median_counts", "median_genes", "median_mito", "n_domains",
        "mean_confidence",
    )  # fmt: skip
    row = {"status": outcome.status, "group": _text(outcome.row.get("group"))}
    row |= {name: metrics.get(name) for name in names}
    if metrics.get("control_share") is not None:
        row["control_share"] = 100 * metrics["control_share"]
    told = metrics.get("steps", {}).get("ingest", metrics)
    if told.get(keys.UM_PER_PX) is not None:
        row["scale"] = _unbroken(f"{told[keys.UM_PER_PX]:.3g}, {_text(told.get(keys.UM_PER_PX_SOURCE))}")
    if "expression" in metrics:
        row["expression"] = "inferred" if metrics["expression"].get("goes_on") else "measured"
    if not outcome.assembled:
        return row
    row["n_domains"] = _unbroken(short_number(metrics))
    for key in (*metrics.get("methods", ()), *JOINT_TITLES, "baseline"):
        row |= {f"{name}_{key}": outcome.score(key, name) for name in ("ari", "nmi")}
    regions = metrics.get("regions")
    if regions:
        row["region_macro_f1"] = (regions.get("scores") or {}).get("macro_f1")
        row |= {"region_coverage": regions["coverage"], "region_guard": _text(regions["guard"])}
    for method, gain in metrics.get("gain", {}).items():
        if gain:
            row[f"gain_{method}"] = _unbroken(
                f"{signed(gain['gain'], gain['spread'])}, {WORDS[gain['verdict']]}"
            )
    return row


def _unbroken(text: str) -> str:
    return f'<span style="white-space:nowrap">{text}</span>'


def _text(value: Any) -> str | None:
    return escape(str(value)) if value not in (None, "") else None


def _number(title: str, description: str, scale: str | bool, form: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "description": description, "scale": scale, "format": form, **more}


def _unit(title: str, description: str, scale: str, **more: Any) -> dict[str, Any]:
    return {**_number(title, description, scale, "{:,.2f}"), "min": 0, "max": 1, **more}
