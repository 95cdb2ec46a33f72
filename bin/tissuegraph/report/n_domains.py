"""How the number of domains was estimated, for the slices whose row does not give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.figures.palette import domain_colour
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, legend

_TITLES = {"criterion": "Both together", "stability": "Stability", "gain": "Gain in likelihood"}


def number_text(metrics: Mapping[str, Any]) -> str:
    """The number of domains as it stands everywhere: '7', or '9 (estimated; 7 to 11 plausible)'."""
    number, asked = metrics.get("n_domains", "?"), metrics.get("n_domains_asked")
    text = f"{number} of {asked}" if asked and asked != number else str(number)
    if metrics.get("n_domains_given", True):
        return text
    low, high = metrics.get("n_domains_low"), metrics.get("n_domains_high")
    plausible = f"only {low} plausible" if low == high else f"{low} to {high} plausible"
    return f"{text} (estimated; {plausible})"


def short_number(metrics: Mapping[str, Any]) -> str:
    """As `number_text`, for a narrow place: '9 (7 to 11)' of an estimate, '7 (estimated)' of a sure one."""
    number, bracket, rest = number_text(metrics).partition(" (estimated; ")
    if not bracket:
        return number
    return (
        f"{number} (estimated)" if rest.startswith("only") else f"{number} ({rest.replace(' plausible', '')}"
    )


def domains_text(metrics: Mapping[str, Any]) -> str:
    """As `number_text`, with the noun: '9 domains (estimated; 7 to 11 plausible)'."""
    number, bracket, rest = number_text(metrics).partition(" (")
    return f"{number} domains{bracket}{rest}"


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A line per curve and a tab per measure, the chosen number marked; nothing where all were given."""
    estimated = [outcome for outcome in outcomes if outcome.metrics.get("n_domains_evidence")]
    lines = _lines(estimated)
    datasets, labels = [], []
    for name, title in _TITLES.items():
        curves = {label: _points(metrics["n_domains_evidence"][name]) for label, metrics in lines.items()}
        datasets.append(curves)
        labels.append({"name": title, "xlab": "Number of domains", "ylab": title})
    if not lines:
        return []
    parent = (
        "tissuegraph_n_domains",
        "Number of domains",
        "Where the samplesheet gives no number, it is estimated without labels over five seeds, and pooled "
        "over the sections of a group: do the same domains come out of random halves of the spots "
        "(stability), and do more domains explain the spots better than chance (gain)? The smallest number "
        "within 5 % of the best product is taken; a dashed line marks it. The plausible range holds all "
        "numbers within these 5 % and those that a single seed or section would choose. Flat and low curves "
        "mean that the tissue does not tell; give the number yourself.",
    )
    config = {
        "title": "Number of domains: evidence",
        "data_labels": labels,
        "xlab": "Number of domains",
        "ymin": 0,
        **legend(len(lines)),
        "colors": {label: domain_colour(k) for k, label in enumerate(lines, start=1)},
        "x_lines": [
            {"color": domain_colour(k), "value": metrics["n_domains_asked"], "dash": "dash", "width": 2}
            for k, metrics in enumerate(lines.values(), start=1)
            if metrics.get("n_domains_asked")
        ],
    }
    return [Section("n_domains_evidence", "Evidence", parent, "linegraph", datasets, config=config)]


def _lines(outcomes: Sequence[Outcome]) -> dict[str, Mapping[str, Any]]:
    """Label of each line, with the number it led to; sections of a group share one line."""
    lines: dict[str, Mapping[str, Any]] = {}
    seen: list[Any] = []
    for outcome in outcomes:
        group, evidence = outcome.row.get("group"), outcome.metrics["n_domains_evidence"]
        if (group, evidence) in seen:
            continue
        seen.append((group, evidence))
        shared = [o for o in outcomes if group and o.row.get("group") == group]
        alike = all(o.metrics["n_domains_evidence"] == evidence for o in shared)
        name = f"group {group}" if len(shared) > 1 and alike else outcome.sample
        lines[f"{name}: {short_number(outcome.metrics)}"] = outcome.metrics
    return lines


def _points(values: Mapping[str, float]) -> list[list[float]]:
    return [[int(k), round(float(value), 4)] for k, value in values.items()]
