"""Inferred expression: how it compares with measurement and baselines, gene by gene, and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from html import escape
from statistics import mean, stdev
from typing import Any

from tissuegraph.keys import VALIDATED_BY
from tissuegraph.methods import title_of
from tissuegraph.report.claims import claim
from tissuegraph.report.gallery import gallery
from tissuegraph.report.glossary import scores_explained
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, count, html_table
from tissuegraph.scores.gain import Result, gain_over

# What a method has to beat
CONTROLS = {"ridge": "Ridge regression", "knn": "Nearest images", "mean": "Mean expression"}
_BEATEN = "ridge regression on the image, nearest images and mean expression"
_LEFT_OUT = {
    "patient": "whole patients were left out, so it speaks for a new patient like those of the references.",
    "slice": "slices were left out, as no two patients are known among the references, so it speaks for a "
    "further slice of the same patient and is optimistic for a new one.",
    "half of a slice": "halves of the only reference were left out, so it speaks for the rest of that slice "
    "and is optimistic for any other.",
}
_LEVEL_ERRORS = ("error", "error_of_mean")
LEAST_DIFFERENCE = 0.005  # in mean PCC: less is no gain
N_GENES = 15  # genes at either end of the list
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
    found += _distributions(shown)
    found.append(
        Section("expression_genes", "Best and worst genes", PARENT, "html", _genes(shown, bool(compared)))
    )
    return [*found, _maps(shown)]


def gain_of(outcome: Outcome) -> dict[str, Any] | None:
    """The method's PCC on one held-out slice beside its controls, see `scores.gain`; None where unknown."""
    runs = _found(outcome)["scores"]
    results = {name: result for name in runs if (result := _result(name, runs[name], "pcc"))}
    own = results.pop(_method(outcome), None)
    return gain_over(own, list(results.values()), LEAST_DIFFERENCE) if own and results else None


def _result(name: str, runs: Sequence[Mapping[str, Any]], score: str) -> Result | None:
    """Mean and spread over seeds of one score; None where no run has it."""
    values = [run[score] for run in runs if run.get(score) is not None]
    if not values:
        return None
    return Result(_title(name), mean(values), stdev(values) if len(values) > 1 else None)


def _results(outcomes: Sequence[Outcome], name: str, score: str) -> list[Result]:
    """One score of one result on each held-out slice that has it."""
    found = (_result(name, _found(outcome)["scores"].get(name, ()), score) for outcome in outcomes)
    return [result for result in found if result]


def _title(name: str) -> str:
    return CONTROLS.get(name) or title_of(name)


def _method(outcome: Outcome) -> str:
    return _found(outcome)["method"]


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
    lines += [*_validation(shown), *_spread(shown), *_levels(shown), *_taking_part(inferred)]
    if compared:
        lines += _claims(compared)
        by = {_found(outcome).get("held_out_by") for outcome in compared}
        lines.append(
            f"{_held_out(by)}: panel, scaling, epochs and penalties were chosen on other slices alone. Genes "
            "measured as constant are left out for all methods alike; a constant prediction counts as 0."
        )
    return "".join(f"<p>{line}</p>" for line in lines)


def _held_out(by: Set[str]) -> str:
    if by == {"model"}:
        return "A reference model of an earlier run inferred these, none of which taught it"
    what = "the slice was held out" if by == {"slice"} else "all slices of the patient were held out"
    return f"For each of these, {what}"


def _validation(shown: Sequence[Outcome]) -> list[str]:
    """What was left out to learn reliability, and so what reliability speaks for."""
    lines = []
    for by, words in _LEFT_OUT.items():
        if chosen := [each for each in shown if _found(each).get(VALIDATED_BY) == by]:
            lines.append(f"Reliability of {_named(chosen)}: {words}")
    return lines


def _spread(shown: Sequence[Outcome]) -> list[str]:
    """How much less predictions vary than measurements, and what calibration does about it and costs."""
    names = ("sd_ratio", "sd_ratio_calibrated", "rmse", "rmse_calibrated")
    known = [each for outcome in shown if (each := _found(outcome).get("calibration"))]
    values = {name: [each[name] for each in known if each.get(name) is not None] for name in names}
    if not all(values.values()):
        return []
    ratio, after, error, error_after = (mean(values[name]) for name in names)
    return [
        f"On held-out references, predictions of the median gene vary {ratio:.2f} times as much as "
        f"measurements; <code>layers['calibrated']</code> of the inferred h5ad stretches them to {after:.2f} "
        f"times, and the RMSE changes from {error:.3f} to {error_after:.3f}."
    ]


def _levels(shown: Sequence[Outcome]) -> list[str]:
    """Whether slides may be compared: by how much levels of genes were missed on held-out references."""
    known = [outcome for outcome in shown if _found(outcome).get("level")]
    lines = []
    if told := [each for each in known if _found(each)["level"]["share"]]:
        error, of_mean = (mean(_found(each)["level"][name] for each in told) for name in _LEVEL_ERRORS)
        lines.append(
            f"Levels of genes in {_named(told)} as a whole are told by the image: on held-out references "
            f"they miss by {error:.3f} (log-normalised, root mean square), the mean of the references by "
            f"{of_mean:.3f}."
        )
    if left := [each for each in known if not _found(each)["level"]["share"]]:
        lines.append(
            f"Levels of genes in {_named(left)} as a whole are those of the references: on held-out "
            "references the image did not tell them better. Compare patterns within slides, not levels "
            "between them."
        )
    return lines


def _named(outcomes: Sequence[Outcome]) -> str:
    return ", ".join(escape(outcome.sample) for outcome in outcomes)


def _taking_part(inferred: Sequence[Outcome]) -> list[str]:
    """How many inferred genes domains rest on."""
    found = [
        f"{_found(each)['n_genes_on']:,} of {_found(each)['n_genes']:,} for {escape(each.sample)}"
        for each in inferred
        if "n_genes_on" in _found(each)
    ]
    return (
        [f"Genes that are inferred reliably enough to take part in domains: {', '.join(found)}."]
        if found
        else []
    )


def _claims(compared: Sequence[Outcome]) -> list[str]:
    """What may be said of each method that inferred."""
    lines = []
    for method in dict.fromkeys(map(_method, compared)):
        gains = [gain for outcome in compared if _method(outcome) == method and (gain := gain_of(outcome))]
        if gains:
            words = {"score": "a PCC per gene", "controls": _BEATEN, "slices": "held-out slice"}
            lines.append(claim(gains, title_of(method), **words, digits=3))
    return lines


def _methods(compared: Sequence[Outcome]) -> Section:
    """A row per method and control: mean over held-out slices, spread over slices, spread over seeds."""
    own = list(dict.fromkeys(map(_method, compared)))
    data = {_title(name): _row(compared, name) for name in (*own, *CONTROLS)}
    data = {title: row for title, row in data.items() if row}
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
        "expression_methods", f"{_listed(own)} beside the controls", PARENT, "table", data,
        config={
            "col1_header": "Method", "sort_rows": False, "no_violin": True, "rows_are_samples": False,
        },
        headers={name: header for name, header in headers.items() if name in filled},
        description=scores_explained(("PCC", "RMSE")),
    )  # fmt: skip


def _row(compared: Sequence[Outcome], name: str) -> dict[str, Any]:
    """One method or control over the held-out slices; empty where it has no PCC on any."""
    pcc = _results(compared, name, "pcc")
    if not pcc:
        return {}
    row: dict[str, Any] = {"pcc": mean(result.score for result in pcc), "n_slices": len(pcc)}
    if len(pcc) > 1:
        row["sd_slices"] = stdev(result.score for result in pcc)
    spreads = [result.spread for result in pcc if result.spread is not None]
    if spreads:
        row["sd_seeds"] = mean(spreads)
    for score in ("spot_pcc", "rmse"):
        if found := _results(compared, name, score):
            row[score] = mean(result.score for result in found)
    return row


def _listed(methods: Sequence[str]) -> str:
    return " and ".join(map(title_of, methods))


def _distributions(shown: Sequence[Outcome]) -> list[Section]:
    """A box per slice: PCC of every gene where it was measured, and reliability; none where none is known."""
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
    if not datasets:
        return []
    config = {"title": "Agreement per gene", "data_labels": labels, "xlab": labels[0]["xlab"]}
    return [Section("expression_pcc", "Distribution over genes", PARENT, "box", datasets, config=config)]


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
    return Section("expression_maps", MAPS[1], MAPS, "html", "", extra=gallery(pictured))
