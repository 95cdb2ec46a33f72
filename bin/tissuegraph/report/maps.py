"""The tissue of every slice: small maps to choose from, the chosen slice's figures in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from tissuegraph.records import WARNED
from tissuegraph.report.n_domains import domains_text
from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.section import Section, badge
from tissuegraph.scores.transfer import SHOWN

_FIGURES = {
    "domains": "Domains",
    "regions": "Regions (taught)",
    "confidence": "Confidence",
    "quality": "Quality",
    "training": "Training",
}
_BUDGET = 12_000_000  # characters of pictures: a report that mails and opens well
_BUTTON = 'type="button" class="btn btn-sm'
_NAMED = 3  # teachers named under a picture; more are counted
_ALL_OPEN = 3  # up to so many slices are shown in full, one below the other


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """One HTML gallery; works without a network, and shows everything where scripts are off."""
    shown = [outcome for outcome in outcomes if outcome.metrics.get("pictures")]
    if not shown:
        return []
    kinds, left_out = affordable(shown)
    note = ""
    if left_out:
        names = ", ".join(_FIGURES[kind].lower() for kind in left_out)
        note = (
            f"<p>To keep this page light, the figures of {names} are not in it; they are among the "
            "published figures of each slice, <code>slices/&lt;sample&gt;/</code>.</p>"
        )
    single = len(shown) <= _ALL_OPEN
    body = _STYLE
    if not single:
        body += _chooser(shown)
    body += "".join(_slice(outcome, kinds) for outcome in shown)
    body = f'<div class="tg-maps{" tg-all" if single else ""}">{body}</div>' + _SCRIPT
    parent = (
        "tissuegraph_maps",
        "Tissue domains",
        "Equal colours within a slice mean matching domains: learned, baseline and annotation can be "
        "compared by eye. Click or tap a figure to enlarge it; full-size ones and the page to explore each "
        "slice are in <code>slices/&lt;sample&gt;/</code>.",
    )
    return [Section("tissue_maps", "Tissue domains", parent, "html", note, extra=body)]


def affordable(outcomes: Sequence[Outcome], budget: int = _BUDGET) -> tuple[list[str], list[str]]:
    """The kinds of figure whose pictures of all slices fit the budget, most important first, and the rest."""
    kept, left_out = ["domains"], []
    spent = sum(len(o.metrics["pictures"].get(kind, "")) for o in outcomes for kind in ("card", "domains"))
    for kind in list(_FIGURES)[1:]:
        cost = sum(len(outcome.metrics["pictures"].get(kind, "")) for outcome in outcomes)
        if cost and spent + cost > budget:
            left_out.append(kind)
        elif cost:
            kept.append(kind)
            spent += cost
    return kept, left_out


def _chooser(outcomes: Sequence[Outcome]) -> str:
    """A grid of small maps; each one opens its slice below."""
    cards = "".join(
        f'<button type="button" class="tg-card" data-slice="{escape(o.sample)}" title="{escape(o.sample)}">'
        f'<img alt="Domains of {escape(o.sample)}" src="{o.metrics["pictures"]["card"]}">'
        f"<span>{escape(o.sample)} {_mark(o)}</span><small>{_facts(o)}</small></button>"
        for o in outcomes
    )
    options = "".join(f"<option>{escape(o.sample)}</option>" for o in outcomes)
    return (
        '<p class="tg-bar"><label>Slice <select class="form-select form-select-sm tg-select">'
        f"{options}</select></label>"
        f'<button {_BUTTON} btn-outline-secondary tg-step" data-step="-1">Previous</button>'
        f'<button {_BUTTON} btn-outline-secondary tg-step" data-step="1">Next</button></p>'
        f'<div class="tg-cards">{cards}</div>'
    )


def _slice(outcome: Outcome, kinds: Sequence[str]) -> str:
    pictures = outcome.metrics["pictures"]
    present = [kind for kind in kinds if kind in pictures]
    tabs = "".join(
        f'<button {_BUTTON} btn-outline-primary tg-tab" data-kind="{kind}">{_FIGURES[kind]}</button>'
        for kind in present
    )
    images = "".join(
        f'<img class="tg-figure tg-zoom" data-kind="{kind}" '
        f'alt="{_FIGURES[kind]} of {escape(outcome.sample)}" src="{pictures[kind]}">'
        for kind in present
    )
    return (
        f'<div class="tg-slice" data-slice="{escape(outcome.sample)}">'
        f"<h4>{escape(outcome.sample)} {_mark(outcome)}"
        f'<small>{_caption(outcome)}{_page_link(outcome)}</small></h4><p class="tg-tabs">{tabs}</p>{images}'
        f"{_told(outcome)}</div>"
    )


def _page_link(outcome: Outcome) -> str:
    """To the page of the slice, where the run publishes it as seen from the report."""
    page = outcome.metrics.get("page")
    if not page:
        return ""
    place = quote(f"../slices/{outcome.sample}/{page}")
    return f' · <a href="{escape(place)}" target="_blank" rel="noopener">explore this slice</a>'


def _told(outcome: Outcome) -> str:
    """Under the maps: whose numbers these are and which have no counterpart, warnings, notes."""
    numbering = " ".join(outcome.metrics.get("numbering") or [])
    lines = [escape(numbering)] if numbering else []
    lines += [f"{badge(WARNED)} {escape(reason)}" for reason in outcome.reasons]
    lines += [f"Note: {escape(note)}" for note in outcome.notes]
    return f'<p class="tg-note">{"<br>".join(lines)}</p>' if lines else ""


def _caption(outcome: Outcome) -> str:
    """What is said of a slice above its figures."""
    regions = outcome.metrics.get("regions")
    if not regions or regions["guard"] == SHOWN:
        return _facts(outcome)
    told = escape(regions.get("sentence") or f"transfer of regions {regions['guard']}")
    return f"{_facts(outcome)} · {told}"


def _facts(outcome: Outcome) -> str:
    """A few numbers, short enough for a card."""
    metrics = outcome.metrics
    parts = [f"{metrics['n_spots']:,} spots", domains_text(metrics)]
    ari = outcome.score(metrics.get("final_method", ""), "ari")
    if ari is not None:
        parts.append(f"ARI {ari:.2f} (baseline {outcome.score('baseline', 'ari'):.2f})")
    regions = metrics.get("regions")
    if regions:
        parts.append(f"{regions['coverage']:.0%} of spots called by {escape(_teachers(regions))}")
    return " · ".join(parts)


def _teachers(regions: Mapping[str, Any]) -> str:
    names = [str(name) for name in regions["teachers"]]
    return ", ".join(names) if 0 < len(names) <= _NAMED else f"{len(names) or 'a model of'} teachers"


def _mark(outcome: Outcome) -> str:
    marks = [badge(outcome.status)] if outcome.status != "passed" else []
    if outcome.metrics.get("expression", {}).get("goes_on"):
        marks.append(_INFERRED)
    return " ".join(marks)


_INFERRED = '<span class="badge" style="background-color:#5A2D00;color:#fff">inferred expression</span>'
_STYLE = """<style>
.tg-maps img{max-width:100%;background:#fff}
.tg-cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;max-height:560px;
 overflow-y:auto;padding:2px;margin-bottom:16px}
.tg-card{border:1px solid #ddd;border-radius:6px;background:#fff;color:#222;padding:6px;text-align:left;
 display:flex;flex-direction:column;justify-content:flex-start;min-width:0}
.tg-card img{width:100%;aspect-ratio:1;object-fit:contain}
.tg-card span{font-weight:600;font-size:.8rem;line-height:1.2;overflow-wrap:anywhere}
.tg-card small{color:#555;font-size:.72rem;line-height:1.25}
.tg-card.tg-on{border-color:#0072B2;box-shadow:0 0 0 2px #0072B2}
.tg-bar{display:flex;flex-wrap:wrap;gap:8px;align-items:end}
.tg-bar label{display:flex;gap:8px;align-items:center}
.tg-slice{border:1px solid #ddd;border-radius:6px;padding:12px 14px;margin-bottom:14px;background:#fff;
 color:#222}
.tg-slice h4{font-size:1.05rem;margin:0 0 6px}.tg-slice h4 small{color:#555;font-weight:400;margin-left:10px;
 font-size:.85rem}
.tg-tabs{margin:0 0 8px;display:flex;flex-wrap:wrap;gap:6px}.tg-figure{display:block;width:100%}
.tg-note{font-size:.85rem;margin:8px 0 0}
.tg-maps .badge{font-size:.65rem;vertical-align:middle}
.tg-js .tg-hidden{display:none}
</style>"""

_SCRIPT = """<script>
document.querySelectorAll('.tg-maps').forEach(function (box) {
  box.classList.add('tg-js');
  var slices = Array.from(box.querySelectorAll('.tg-slice'));
  var cards = Array.from(box.querySelectorAll('.tg-card'));
  var select = box.querySelector('.tg-select');
  var kind = 'domains', current = 0;
  function paint() {
    slices.forEach(function (slice, i) {
      slice.classList.toggle('tg-hidden', !box.classList.contains('tg-all') && i !== current);
      var figures = Array.from(slice.querySelectorAll('.tg-figure'));
      var has = figures.some(function (f) { return f.dataset.kind === kind; });
      var wanted = has ? kind : 'domains';
      figures.forEach(function (f) { f.classList.toggle('tg-hidden', f.dataset.kind !== wanted); });
      slice.querySelectorAll('.tg-tab').forEach(function (tab) {
        tab.classList.toggle('active', tab.dataset.kind === wanted);
      });
    });
    cards.forEach(function (card, i) { card.classList.toggle('tg-on', i === current); });
    if (select) { select.selectedIndex = current; }
  }
  box.addEventListener('click', function (event) {
    var card = event.target.closest('.tg-card'), tab = event.target.closest('.tg-tab');
    var step = event.target.closest('.tg-step');
    if (card) { current = cards.indexOf(card); }
    if (tab) { kind = tab.dataset.kind; }
    if (step) { current = (current + Number(step.dataset.step) + slices.length) % slices.length; }
    if (card || tab || step) { paint(); }
  });
  if (select) { select.addEventListener('change', function () { current = select.selectedIndex; paint(); }); }
  paint();
});
</script>"""
