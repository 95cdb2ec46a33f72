"""How much of each slice each domain takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.figures.palette import UNLABELLED, domain_colour
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """A stacked bar per slice, in the colours of the maps; a second tab for annotated regions."""
    domains = {o.sample: o.metrics["composition"] for o in outcomes if o.metrics.get("composition")}
    if not domains:
        return []
    data, labels = [{sample: _prefixed(sizes) for sample, sizes in domains.items()}], ["Domains"]
    largest = max(int(number) for sizes in domains.values() for number in sizes)
    categories = [
        {f"d{k}": {"name": f"Domain {k}", "color": domain_colour(k)} for k in range(1, largest + 1)}
    ]
    annotated = {o.sample: _by_name(o) for o in outcomes if o.metrics.get("annotation_composition")}
    if annotated:
        data.append(annotated)
        labels.append("Annotation")
        categories.append(_name_colours(outcomes))
    parent = (
        "tissuegraph_composition",
        "Domain composition",
        "Share of spots per domain. Sections of one group share their numbers; the chapter of their cohort "
        "shows them side by side. Elsewhere equal numbers in two slices do not mean the same tissue: the "
        "domains of an annotated slice are numbered after the regions that they match, others by size.",
    )
    config = {
        "title": "Domain composition",
        "ylab": "Spots",
        "cpswitch_c_active": False,
        "sort_samples": False,
        "hide_zero_cats": True,
        "data_labels": labels if len(data) > 1 else [],
    }
    return [
        Section(
            "domain_composition", "Domain composition", parent, "bargraph",
            data if len(data) > 1 else data[0], config=config,
            categories=categories if len(data) > 1 else categories[0],
        )
    ]  # fmt: skip


def _prefixed(sizes: Mapping[str, int]) -> dict[str, int]:
    # A bare number as category would be taken for a list index on its way to the plot.
    return {f"d{number}": size for number, size in sizes.items()}


def _by_name(outcome: Outcome) -> dict[str, int]:
    names = outcome.metrics["annotation_names"]
    sizes = {names[int(k) - 1]: size for k, size in outcome.metrics["annotation_composition"].items()}
    rest = outcome.metrics["n_spots"] - sum(sizes.values())
    return {**sizes, **({"unlabelled": rest} if rest else {})}


def _name_colours(outcomes: Sequence[Outcome]) -> dict[str, dict[str, str]]:
    """Colour of each region's name: its number in the first slice that has it, as on the maps."""
    colours: dict[str, dict[str, str]] = {}
    for outcome in outcomes:
        for name, number in (outcome.metrics.get("annotation_numbers") or {}).items():
            colours.setdefault(name, {"name": name, "color": domain_colour(number)})
    colours["unlabelled"] = {"name": "unlabelled", "color": UNLABELLED}
    return colours
