"""Inferred expression: how it compares with measurement and baselines, gene by gene, and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from statistics import mean, stdev
from typing import Any

from tissuegraph.report.gallery import gallery
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, count, html_table

TITLES = {"spahgc": "SpaHGC", "ridge": "Ridge regression", "knn": "Nearest images", "mean": "Mean expression"}
N_GENES = 15  # genes at either end of the list
MARGIN = 0.005  # a difference in mean PCC below this is none
PARENT = (
    "tissuegraph_expression",
    "Inferred expression",
    "Expression inferred from histology. It is no measurement: reliability says how well a gene was inferred "
    "when references were held out, as a correlation over spots (PCC).",
)

# A chapter of its own: MultiQC shows the pictures of a chapter's first section only
MAPS = (
    "tissuegraph_expression_maps",
    "Maps of inferred genes",
    "The genes that were asked for, then the most reliable ones; beside what was measured, where it was.",
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """Words, methods side by side, PCC per slice, best and worst genes, maps; nothing without inference."""
    shown = [outcome for outcome in outcomes if _found(outcome).get("genes")]
    if not shown:
        return []
    compared = [outcome for outcome in shown if _found(outcome).get("scores")]
    found = [Section("expression_summary", "What was inferred", PARENT, "html", _words(shown, compared))]
    if compared:
        found.append(_methods(compared))
    found.append(_distributions(shown))
    found.append(
        Section("expression_genes", "Best and worst genes", PARENT, "html", _genes(shown, bool(compared)))
    )
    return [*found, _maps(shown)]


def claim(outcomes: Sequence[Outcome]) -> str:
    """What the held-out slices allow to be said of SpaHGC against its baselines."""
    scores = {name: per_slice(outcomes, name, "pcc") for name in TITLES}
    average = {name: mean(values) for name, values in scores.items() if values}
    best = max((name for name in average if name != "spahgc"), key=average.__getitem__)
    pairs = list(zip(scores["spahgc"], scores[best], strict=True))
    ahead = sum(own > other for own, other in pairs)
    text = (
        f"Over {count(len(pairs), 'held-out slice')}, <strong>SpaHGC</strong> reaches a mean PCC of "
        f"{average['spahgc']:.3f} per gene against {average[best]:.3f} of the best baseline "
        f"({TITLES[best].lower()}); it is ahead on {ahead} of {len(pairs)}."
    )
    if average["spahgc"] - average[best] <= MARGIN or 2 * ahead <= len(pairs):
        text += " <strong>No gain of SpaHGC over this baseline is shown here.</strong>"
    return text


def per_slice(outcomes: Sequence[Outcome], method: str, name: str) -> list[float]:
    """One score of a method on each held-out slice, mean over seeds; slices without it are left out."""
    found = []
    for outcome in outcomes:
        values = [run.get(name) for run in _found(outcome)["scores"].get(method, ())]
        values = [value for value in values if value is not None]
        if values:
            found.append(mean(values))
    return found


def _found(outcome: Outcome) -> Mapping[str, Any]:
    return outcome.metrics.get("expression", {})


def _words(shown: Sequence[Outcome], compared: Sequence[Outcome]) -> str:
    lines = []
    inferred = [outcome for outcome in shown if _found(outcome).get("goes_on")]
    if inferred:
        names = ", ".join(escape(outcome.sample) for outcome in inferred)
        lines.append(
            f"{count(len(inferred), 'slice')} without counts: <strong>{names}</strong>. Domains, counts and "
            "genes shown for them elsewhere in this report rest on <strong>inferred</strong> expression."
        )
    if compared:
        lines.append(claim(compared))
        by = {_found(outcome).get("held_out_by") for outcome in compared}
        what = "the slice was held out" if by == {"slice"} else "all slices of the patient were held out"
        lines.append(
            f"For each of these, {what}: panel, scaling, epochs and penalties were chosen on the other "
            "slices alone. Genes measured as constant are left out for all methods alike; a constant "
            "prediction counts as 0."
        )
    return "".join(f"<p>{line}</p>" for line in lines)


def _methods(compared: Sequence[Outcome]) -> Section:
    """A row per method: mean over held-out slices, spread over slices, spread over seeds."""
    data = {}
    for method, title in TITLES.items():
        pcc = per_slice(compared, method, "pcc")
        if not pcc:
            continue
        seeds = [
            stdev(run["pcc"] for run in runs)
            for runs in (_found(outcome)["scores"].get(method, ()) for outcome in compared)
            if len(runs) > 1 and all(run.get("pcc") is not None for run in runs)
        ]
        row: dict[str, Any] = {"pcc": mean(pcc), "n_slices": len(pcc)}
        if len(pcc) > 1:
            row["sd_slices"] = stdev(pcc)
        if seeds:
            row["sd_seeds"] = mean(seeds)
        for name in ("spot_pcc", "rmse"):
            values = per_slice(compared, method, name)
            if values:
                row[name] = mean(values)
        data[title] = row
    headers = {
        "pcc": {"title": "PCC", "description": "per gene, mean over genes and slices", "format": "{:,.3f}"},
        "sd_slices": {"title": "± slices", "description": "standard deviation over held-out slices"},
        "sd_seeds": {"title": "± seeds", "description": "standard deviation over seeds, mean over slices"},
        "spot_pcc": {"title": "PCC per spot", "description": "over the genes of each spot"},
        "rmse": {"title": "RMSE", "description": "of log-normalised expression: lower is better"},
        "n_slices": {"title": "Slices", "description": "held out", "format": "{:,.0f}"},
    }
    for header in headers.values():
        header.setdefault("format", "{:,.3f}")
        header["scale"] = False
    filled = {name for row in data.values() for name in row}
    return Section(
        "expression_methods", "SpaHGC beside its baselines", PARENT, "table", data,
        config={
            "col1_header": "Method", "sort_rows": False, "no_violin": True, "rows_are_samples": False,
        },
        headers={name: header for name, header in headers.items() if name in filled},
    )  # fmt: skip


def _distributions(shown: Sequence[Outcome]) -> Section:
    """A box per slice: PCC of every gene where it was measured, and reliability."""
    datasets, labels = [], []
    for name, title in (("pcc", "PCC per gene, held out"), ("reliability", "Reliability per gene")):
        boxes = {}
        for outcome in shown:
            values = [value for value in _found(outcome)["genes"].get(name, ()) if value is not None]
            if values:
                boxes[outcome.sample] = values
        if boxes:
            datasets.append(boxes)
            labels.append({"name": title, "xlab": title})
    config = {"title": "Agreement per gene", "data_labels": labels, "xlab": labels[0]["xlab"]}
    return Section("expression_pcc", "Distribution over genes", PARENT, "box", datasets, config=config)


def _genes(shown: Sequence[Outcome], measured: bool) -> str:
    """Both ends of the panel, by mean PCC on held-out slices, or by reliability where none was measured."""
    names = ("pcc", "reliability") if measured else ("reliability",)
    table: dict[str, dict[str, list[float]]] = {}
    for outcome in shown:
        genes = _found(outcome)["genes"]
        for name in names:
            for gene, value in zip(genes["gene"], genes.get(name, ()), strict=False):
                if value is not None:
                    table.setdefault(gene, {}).setdefault(name, []).append(value)
    ranked = [gene for gene in table if names[0] in table[gene]]
    ranked.sort(key=lambda gene: -mean(table[gene][names[0]]))
    ends = list(dict.fromkeys([*ranked[:N_GENES], *ranked[-N_GENES:]]))
    head = ["", "Gene", *("PCC" if name == "pcc" else "Reliability" for name in names), "Slices"]
    rows = [
        [
            str(ranked.index(gene) + 1),
            escape(gene),
            *(f"{mean(table[gene][name]):.2f}" if name in table[gene] else "" for name in names),
            str(len(table[gene][names[0]])),
        ]
        for gene in ends
    ]
    return f"<p>{len(ranked):,} genes, ranked; means over slices.</p>" + html_table(head, rows)


def _maps(shown: Sequence[Outcome]) -> Section:
    pictured = [
        (
            outcome.sample,
            " (inferred, not measured)" if _found(outcome).get("goes_on") else "",
            {"Genes": _found(outcome)["pictures"]["inferred"]},
        )
        for outcome in shown
        if _found(outcome).get("pictures")
    ]
    hint = "<!-- the maps stand above -->"  # a section without content would not be shown
    return Section("expression_maps", "Maps", MAPS, "html", hint, extra=gallery(pictured))
