"""Everything that the spots can be coloured by, in the words and colours of the report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph import keys
from tissuegraph.explore.final import Column, FinalSlice
from tissuegraph.explore.packing import WORD, category_codes, packed, quantised
from tissuegraph.figures.palette import CONFIDENCE, SEQUENTIAL, UNLABELLED, domain_colour
from tissuegraph.methods import METHODS, title_of
from tissuegraph.scores.labellings import JOINT_TITLES

DOMAINS, REGIONS, QUALITY, OTHERS, GENES = (
    "Domains", "Regions and annotation", "Confidence and quality", "Other columns", "Genes",
)  # fmt: skip
_PALETTES = Path(__file__).with_name("palettes.json")
_MOST_OTHERS = 20  # columns that the user's file or a platform brought
_MOST_CATEGORIES = 100  # of such a column: more is no labelling but a list of names


@dataclass(frozen=True)
class Words:
    """How a column of numbers is shown: title, palette, what it says; limits None: 1st to 99th percentile."""

    title: str
    palette: str = SEQUENTIAL
    note: str = ""
    limits: tuple[float, float] | None = None
    logarithmic: bool = False
    group: str = QUALITY


_NUMBERS = {
    keys.CONFIDENCE: Words(
        "Confidence", CONFIDENCE, "Share of seeds and votes that agree on the spot's domain.", (0, 1)
    ),
    keys.REGION_PROBABILITY: Words(
        "Probability of the region", CONFIDENCE, "Calibrated probability of the likeliest region.", (0, 1)
    ),
    keys.REGION_NOVELTY: Words(
        "Novelty of the region", note="How unlike all that was taught; above 1 the spot is novel."
    ),
    keys.TOTAL_COUNTS: Words("UMIs per spot", note="Counts of all genes.", logarithmic=True),
    keys.N_GENES: Words("Genes per spot", note="Genes with a count.", logarithmic=True),
    keys.PCT_MITO: Words("Mitochondrial UMIs (%)", note="Share of counts of mitochondrial genes."),
    keys.CONTROL_COUNTS: Words(
        "Counts of controls", note="Negative controls; no part of the counts of genes."
    ),
}
_LABELS = {
    keys.ANNOTATION: ("Annotation", "Manual labels."),
    keys.REGION_CALL: ("Regions (taught)", "Where the region may be said; elsewhere unsure."),
    keys.REGION: ("Regions (taught), likeliest", "The likeliest region of every spot, sure or not."),
    keys.DOMAIN_BASELINE: ("Baseline: smoothed PCA", "The control that every method is held against."),
    keys.DOMAIN_PCA_KMEANS: ("Plain PCA with KMeans", "The control without any smoothing."),
}
_HIDDEN = {keys.ARRAY_ROW, keys.ARRAY_COL}  # where a spot lies is seen


def colourings(slice_: FinalSlice) -> list[dict[str, Any]]:
    """One JSON-able entry per column that says something, the final domains first."""
    names = [name for name in _ordered(slice_) if _varies(slice_.columns[name])]
    own = [name for name in names if _is_ours(name)]
    others = [name for name in names if not _is_ours(name) and _is_labelling(slice_.columns[name])]
    return [entry(slice_.columns[name], slice_.facts) for name in own + others[:_MOST_OTHERS]]


def entry(column: Column, facts: dict[str, str]) -> dict[str, Any]:
    """What the page needs of one column: words, legend, packed codes."""
    return _label_entry(column, facts) if column.categories is not None else _number_entry(column)


def gene_entry(name: str, title: str, codes: str, highest: float, note: str) -> dict[str, Any]:
    """Log-normalised expression of a gene from 0 to its highest value; codes: packed bytes."""
    return {
        "name": f"gene:{name}", "title": title, "group": GENES, "note": note, "kind": "numbers", "width": 1,
        "codes": codes, "low": 0.0, "high": highest, "shown": [0.0, highest or 1.0],
        "palette": SEQUENTIAL, "logarithmic": False,
    }  # fmt: skip


def _label_entry(column: Column, facts: dict[str, str]) -> dict[str, Any]:
    title, note = _label_words(column.name, facts)
    codes = category_codes(column.values, len(column.categories))
    ours = column.name in (keys.ANNOTATION, keys.REGION, keys.REGION_CALL)
    group = REGIONS if ours else DOMAINS if _is_ours(column.name) else OTHERS
    return {
        "name": column.name, "title": title, "group": group, "note": note, "kind": "labels",
        "width": codes.itemsize, "codes": packed(codes), "categories": list(column.categories),
        "colours": list(column.colours) or _own_colours(column),
    }  # fmt: skip


def _own_colours(column: Column) -> list[str]:
    """For a column whose colours the file does not name: by number where categories are, else by place."""
    return [
        UNLABELLED if text == keys.UNSURE else domain_colour(int(text) if _is_number(text) else place)
        for place, text in enumerate(column.categories, start=1)
    ]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) > 0


def _number_entry(column: Column) -> dict[str, Any]:
    words = _NUMBERS.get(column.name, Words(column.name, group=OTHERS))
    found = quantised(column.values, WORD)
    return {
        "name": column.name, "title": words.title, "group": words.group, "note": words.note,
        "kind": "numbers", "width": 2, "codes": packed(found.codes), "low": found.low, "high": found.high,
        "shown": list(words.limits or _limits(column.values, words.logarithmic)),
        "palette": words.palette, "logarithmic": words.logarithmic,
    }  # fmt: skip


def _limits(values: np.ndarray, logarithmic: bool) -> tuple[float, float]:
    """From the 1st to the 99th percentile, as in the figures: one bright spot must not darken the rest."""
    low, high = (float(limit) for limit in np.percentile(values[np.isfinite(values)], [1, 99]))
    if logarithmic:
        low = max(low, 1.0)
        return low, max(high, 1.5 * low)
    return low, high if high > low else low + max(1.0, 1e-3 * abs(low))  # 1 is nothing beside identifiers


def _label_words(name: str, facts: dict[str, str]) -> tuple[str, str]:
    """Title and note of a labelling."""
    if name in _LABELS:
        return _LABELS[name]
    if name == keys.DOMAIN:
        final = facts.get("final_method", "")
        return "Domains" + (f" (final: {title_of(final)})" if final else ""), "The final answer."
    method = name.removeprefix(keys.domain(""))
    if method in JOINT_TITLES:
        return JOINT_TITLES[method], "One clustering over all sections of the group."
    if name.startswith(keys.domain("")) and method in METHODS:
        return title_of(method), "Consensus over the method's seeds."
    return name, ""


def _ordered(slice_: FinalSlice) -> list[str]:
    """Domains, methods, controls, regions, numbers, then the rest as the file has them."""
    methods = [keys.domain(name) for name in METHODS]
    joints = [keys.domain(name) for name in JOINT_TITLES]
    first = [
        keys.DOMAIN, *methods, *joints, keys.DOMAIN_BASELINE, keys.DOMAIN_PCA_KMEANS,
        keys.REGION_CALL, keys.REGION, keys.ANNOTATION, *_NUMBERS,
    ]  # fmt: skip
    known = [name for name in first if name in slice_.columns]
    return known + [name for name in slice_.columns if name not in known and name not in _HIDDEN]


def _is_ours(name: str) -> bool:
    return keys.is_own_column(name) or name == keys.CONTROL_COUNTS


def _varies(column: Column) -> bool:
    """Whether a column says anything: domains always do, numbers where one is known."""
    if column.categories is not None:
        return column.name == keys.DOMAIN or bool((column.values >= 0).any())
    return bool(np.isfinite(column.values).any())


def _is_labelling(column: Column) -> bool:
    return column.categories is None or 1 < len(column.categories) <= _MOST_CATEGORIES


def palette(name: str) -> str:
    """256 colours of a matplotlib palette as hexadecimal text, RRGGBB one after the other.

    From a file: loading matplotlib would take longer than writing the page.
    """
    return json.loads(_PALETTES.read_text(encoding="ascii"))[name]
