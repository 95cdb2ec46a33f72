"""Loss curves: a plot per method, one tab per term, one line per slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.report.glossary import losses_explained
from tissuegraph.report.outcomes import Outcome, methods_of
from tissuegraph.report.section import Section, legend

_PARENT = (
    "tissuegraph_training",
    "Training",
    "Mean over seeds. The last epoch counts: no label is looked at to choose one. A curve that has not "
    "levelled off asks for more epochs, a restless one for a lower learning rate.",
)


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """One line graph per method that was trained."""
    titles = methods_of(outcomes)
    found = []
    for method, terms in _terms(outcomes).items():
        title = titles.get(method, method)
        datasets = [_lines(outcomes, method, term) for term in terms]
        labels = [{"name": term, "ylab": f"{term} loss", "xlab": "Epoch"} for term in terms]
        config = {
            "title": f"{title}: loss per epoch",
            "data_labels": labels,
            "xlab": "Epoch",
            "style": "lines",
            **legend(max(map(len, datasets))),
        }
        explained = losses_explained(method, terms)
        found.append(
            Section(f"training_{method}", title, _PARENT, "linegraph", datasets, explained, config=config)
        )
    return found


def _lines(outcomes: Sequence[Outcome], method: str, term: str) -> dict[str, Any]:
    curves = {o.sample: o.metrics.get("training", {}).get(method, {}).get(term) for o in outcomes}
    return {sample: points for sample, points in curves.items() if points}


def _terms(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """method -> its terms that any slice has a curve of, in the order of the run; of weight 0 they stay 0."""
    found: dict[str, dict[str, None]] = {}
    for outcome in outcomes:
        for method, terms in outcome.metrics.get("training", {}).items():
            used = (term for term, points in terms.items() if any(value for _, value in points))
            found.setdefault(method, {}).update(dict.fromkeys(used))
    order = [*methods_of(outcomes), *found]
    return {method: list(found[method]) for method in dict.fromkeys(order) if found.get(method)}
