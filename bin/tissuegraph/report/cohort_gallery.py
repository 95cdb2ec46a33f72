"""The sections of a group side by side, in colours that mean the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.figures.palette import UNLABELLED, domain_colour, region_number
from tissuegraph.keys import UNSURE
from tissuegraph.report.outcomes import Outcome
from tissuegraph.scores.transfer import is_foreign

_REST = "other or unlabelled"
_ROWS = {"card_regions": "Regions", "card": "Domains"}
_STYLE = """<style>
.tg-row{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin-bottom:8px}
.tg-section{border:1px solid #ddd;border-radius:6px;background:#fff;color:#222;padding:6px;min-width:0}
.tg-section img{width:100%;aspect-ratio:1;object-fit:contain}
.tg-section span{display:block;font-weight:600;font-size:.8rem;overflow-wrap:anywhere}
.tg-section small{color:#555;font-size:.72rem}
.tg-key span{display:inline-block;margin-right:12px;font-size:.8rem}
.tg-key i{display:inline-block;width:.9em;height:.9em;margin-right:4px;vertical-align:-.1em}
</style>"""


def sections_side_by_side(sections: Sequence[Outcome], *, regions_first: bool, matched: bool) -> str:
    """A row of regions and a row of domains, one picture per section; empty without any picture.

    regions_first: whether transfer was shown; matched: whether a domain's number means the same in all.
    """
    rows = {kind: _row(sections, kind, title) for kind, title in _ROWS.items()}
    if not any(rows.values()):
        return ""
    if rows["card_regions"]:
        rows["card_regions"] += _key(region_names(sections))
    if rows["card"] and not matched:
        rows["card"] += (
            "<p>Equal colours of domains in two of these sections do not mean the same tissue.</p>"
        )
    order = ("card_regions", "card") if regions_first else ("card", "card_regions")
    return _STYLE + "".join(rows[kind] for kind in order)


def region_names(sections: Sequence[Outcome]) -> list[str]:
    """Names of the taught regions in the order of their colours."""
    for outcome in sections:
        names = outcome.metrics.get("regions", {}).get("names")
        if names:
            return [str(name) for name in names]
    return []


def _row(sections: Sequence[Outcome], kind: str, title: str) -> str:
    """Teachers show what they taught among the regions: their annotation."""
    cards = []
    for outcome in sections:
        pictures = outcome.metrics.get("pictures", {})
        picture, what = pictures.get(kind), title
        if kind == "card_regions" and picture is None and outcome.row.get("teaches"):
            picture, what = pictures.get("card_annotation"), "Annotation"
        if picture:
            cards.append(
                f'<div class="tg-section"><img alt="{what} of {escape(outcome.sample)}" src="{picture}">'
                f"<span>{escape(outcome.sample)}</span><small>{_caption(outcome, what)}</small></div>"
            )
    named = any(kind in outcome.metrics.get("pictures", {}) for outcome in sections)
    return f'<h4>{title}</h4><div class="tg-row">{"".join(cards)}</div>' if cards and named else ""


def _caption(outcome: Outcome, what: str) -> str:
    parts = [f"patient {outcome.row['patient']}"] if outcome.row.get("patient") else []
    if outcome.metrics.get("expression", {}).get("goes_on"):
        parts.append("expression inferred")
    if what == "Annotation":
        parts.append("teaches: annotation")
    elif what == "Regions":
        regions = outcome.metrics["regions"]
        parts.append(f"{regions['coverage']:.0%} called")
        if is_foreign(regions.get("carried")):
            parts.append("another tissue?")
    else:
        parts.append(f"{outcome.metrics['n_domains']} domains")
    return escape(" · ".join(parts))


def _key(names: Sequence[str]) -> str:
    entries = [(name, domain_colour(region_number(k))) for k, name in enumerate(names)]
    entries.append((f"{UNSURE} or unlabelled", UNLABELLED))
    swatches = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>' for name, colour in entries
    )
    return f'<p class="tg-key">{swatches}</p>'


def composition_data(
    sections: Sequence[Outcome], *, regions_first: bool, matched: bool
) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(title, spots per section and category, colours of categories), what is shown first in front.

    regions_first: whether transfer was shown; domains only where they are matched.
    """
    found = []
    names = region_names(sections)
    if names:
        regions = {o.sample: spots for o in sections if (spots := _region_spots(o, names))}
        colours = {
            name: {"name": name, "color": domain_colour(region_number(k))} for k, name in enumerate(names)
        }
        colours[_REST] = {"name": _REST, "color": UNLABELLED}
        found.append(("Regions", regions, colours))
    domains = {o.sample: o.metrics["composition"] for o in sections if o.metrics.get("composition")}
    if matched and domains:
        largest = max(int(number) for sizes in domains.values() for number in sizes)
        data = {sample: _prefixed(sizes) for sample, sizes in domains.items()}
        colours = {f"d{k}": {"name": f"Domain {k}", "color": domain_colour(k)} for k in range(1, largest + 1)}
        found.insert(len(found) if regions_first else 0, ("Domains", data, colours))
    return found


def _region_spots(outcome: Outcome, names: Sequence[str]) -> dict[str, int]:
    """Spots of each taught region: as named, or as annotated where the section teaches; else empty."""
    if "regions" in outcome.metrics:
        return dict(outcome.metrics["regions"]["composition"])
    annotated = outcome.metrics.get("annotation_composition")
    if not outcome.row.get("teaches") or not annotated:
        return {}
    own = outcome.metrics["annotation_names"]
    sizes = {own[int(number) - 1]: size for number, size in annotated.items()}
    found = {name: size for name, size in sizes.items() if name in names}
    rest = outcome.metrics["n_spots"] - sum(found.values())
    return {**found, **({_REST: rest} if rest else {})}


def _prefixed(sizes: Mapping[str, int]) -> dict[str, int]:
    # A bare number as category would be taken for a list index on its way to the plot.
    return {f"d{number}": size for number, size in sizes.items()}
