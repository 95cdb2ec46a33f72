"""Cohorts: per group its sections side by side, what they share, what was taught, and who stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.cohorts.standing_out import LEAST_SECTIONS
from tissuegraph.cohorts.verdict import MOST_ALONE, ONE_SECTION
from tissuegraph.methods import METHODS, title_of
from tissuegraph.report.cohort_gallery import composition_data, sections_side_by_side
from tissuegraph.report.outcomes import CohortOutcome, Outcome, cohorts_of
from tissuegraph.report.section import Section, badge, count, html_table
from tissuegraph.report.teaching import guard_of, teaching_words
from tissuegraph.scores.table import CONTROLS
from tissuegraph.scores.transfer import NOT_CHECKED, SHOWN

_VERDICTS = {  # colours of badge and text
    "shared": ("#009E73", "#ffffff"),
    "partly shared": ("#E69F00", "#000000"),
    "separate": ("#0072B2", "#ffffff"),
    "depth artefact": ("#B23A00", "#ffffff"),
}
_FIGURES = {
    "share_in_one_section": "share of domains that lie in one section",
    "mixing": "mixing of sections among neighbours in expression (1: as by chance)",
    "agreement": "agreement of joint and separate domains (ARI: 1 is the same, 0 is chance)",
    "stability": "agreement over seeds (ARI: 1 is the same, 0 is chance)",
    "depth_ratio": "deepest over shallowest section (median counts per spot)",
}
_RESULTS = {"baseline": CONTROLS["baseline"].title}
_OUTSTANDING = 3.0  # robust z from which a section is marked


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """One chapter per group of which there is more to say than of its slices; nothing without groups."""
    found = []
    for cohort in cohorts_of(outcomes):
        members = [outcome for outcome in outcomes if outcome.cohort is cohort]
        if cohort.metrics or cohort.reasons or any("regions" in o.metrics for o in members):
            found += _chapter(cohort, members, len(found))
    return found


def _chapter(cohort: CohortOutcome, members: Sequence[Outcome], place: int) -> list[Section]:
    name = f"Cohort {cohort.group}"
    files = cohort.metrics.get("assemble_cohort", {}).get("files")
    where = (
        f" All in one object: <code>cohort/{cohort.group_id}/{cohort.group_id}.h5ad</code>." if files else ""
    )
    about = f"{_who(members)} of the group {escape(cohort.group)}.{where}"
    parent = (f"tissuegraph_cohort_{place}", name, about)
    taught = cohort.metrics.get("teach", {})
    guard, _ = guard_of(taught, members)
    matched = bool(members) and all(o.metrics.get("matched") for o in members if o.assembled)
    pictures = sections_side_by_side(members, regions_first=guard == SHOWN, matched=matched)
    prefix = f"cohort_{place}"
    found = [
        Section(f"{prefix}_verdict", "Verdict", parent, "html", _verdict(cohort, members), extra=pictures)
    ]
    words = teaching_words(taught, members)
    if words:
        found.append(Section(f"{prefix}_taught", "What was taught", parent, "html", words))
    composition = composition_data(members, regions_first=guard == SHOWN, matched=matched)
    if composition:
        found.append(_composition(prefix, parent, composition))
    outstanding = cohort.metrics.get("cohort", {}).get("standing_out")
    if outstanding:
        found.append(
            Section(
                f"{prefix}_outstanding", "Sections that stand out", parent, "html", _outstanding(outstanding)
            )
        )
    return found


def _who(members: Sequence[Outcome]) -> str:
    patients = {str(o.row["patient"]) for o in members if o.row.get("patient")}
    return count(len(members), "section") + (f" of {count(len(patients), 'patient')}" if patients else "")


def _verdict(cohort: CohortOutcome, members: Sequence[Outcome]) -> str:
    """The guard's sentence, the verdict with the figures behind it, what was matched, and what went wrong."""
    guard, sentence = guard_of(cohort.metrics.get("teach", {}), members)
    lines = []
    if guard:
        kind = "success" if guard == SHOWN else "warning"
        said = sentence or f"Transfer of regions: {guard}."
        shown = " The domains found without labels come first." if guard == NOT_CHECKED else ""
        lines.append(f'<div class="alert alert-{kind}" role="alert">{escape(said)}{shown}</div>')
    verdicts = {step: cohort.metrics.get(step, {}).get("verdict") for step in ("join", "cohort")}
    for step, verdict in verdicts.items():
        if verdict:
            head = "stMFG over all sections" if step == "join" else "Shared components"
            lines.append(f"<p><b>{head}</b></p>" if verdicts["join"] else "")
            lines.append(_verdict_words(verdict) + _patients_words(cohort.metrics[step], members))
    lines += [_matched_words(cohort.metrics.get("match", {}).get("results", {}))]
    teaching = [o for o in members if o.row.get("teaches")]
    if members and len(teaching) == len(members):
        lines.append("<p>Every section teaches: no other one is left whose regions would be named.</p>")
    lines += [f"<p>{badge(cohort.status)} {escape(reason)}</p>" for reason in cohort.reasons]
    return (
        "".join(lines)
        or "<p>The sections stand side by side as they are; nothing was computed over them.</p>"
    )


def _verdict_words(verdict: Mapping[str, Any]) -> str:
    kind = str(verdict.get("kind") or "")
    back, front = _VERDICTS.get(kind, ("#666666", "#ffffff"))
    mark = f'<span class="badge" style="background-color:{back};color:{front}">{escape(kind)}</span>'
    refused = (
        " Joint domains are not the final answer here: each section keeps its own."
        if verdict.get("joint_refused")
        else ""
    )
    figures = verdict.get("figures") or {}
    rows = [
        [words, f"{figures[name]:.2f}"] for name, words in _FIGURES.items() if figures.get(name) is not None
    ]
    table = html_table(["Figure", "Value"], rows) if rows else ""
    return f"<p>{mark} {escape(str(verdict.get('sentence') or ''))}{refused}</p>{table}"


def _patients_words(metrics: Mapping[str, Any], members: Sequence[Outcome]) -> str:
    """How many joint domains lie in one patient, where some have several sections: these may share domains
    that no other patient has, of which the verdict on sections knows nothing.
    """
    patient = {o.sample: str(o.row["patient"]) for o in members if o.row.get("patient")}
    shares = [row for row in (metrics.get("shares") or {}).values() if set(row) <= set(patient)]
    sections = {sample for row in shares for sample in row}
    patients = sorted({patient[sample] for sample in sections})
    if not 1 < len(patients) < len(sections):
        return ""
    size = {name: sum(patient[sample] == name for sample in sections) for name in patients}
    alone = 0
    for row in shares:  # patients counted alike
        spread = dict.fromkeys(patients, 0.0)
        for sample, share in row.items():
            spread[patient[sample]] += share / size[patient[sample]]
        alone += max(spread.values()) >= ONE_SECTION * sum(spread.values())
    words = (
        f"By patient: {alone} of {len(shares)} joint domains lie in one patient (at least {ONE_SECTION:.0%})."
    )
    return f"<p>{f'<strong>{words}</strong>' if alone >= MOST_ALONE * len(shares) else words}</p>"


def _matched_words(results: Mapping[str, Mapping[str, Any]]) -> str:
    """How many of the domains found section by section have a counterpart elsewhere, and which have none.

    Of joint domains the verdict says how they are spread: one stray spot is no counterpart.
    """
    lines = []
    for name, found in results.items():
        title = _RESULTS.get(name) or (title_of(name) if name in METHODS else None)
        if title is None:  # controls, joint domains
            continue
        alone = [str(number) for number in found.get("alone") or ()]
        rest = f"; without a counterpart: {escape(', '.join(alone))}" if alone else ""
        lines.append(
            f"{escape(title)}: {len(found.get('shared') or ())} of {found.get('n_domains')} domains "
            f"lie in several sections{rest}."
        )
    return f"<p>{'<br>'.join(lines)}</p>" if lines else ""


def _composition(prefix: str, parent: tuple[str, str, str], found: Sequence[tuple]) -> Section:
    several = len(found) > 1
    config = {
        "title": "Composition of the sections",
        "ylab": "Spots",
        "cpswitch_c_active": False,
        "sort_samples": False,
        "hide_zero_cats": True,
        "data_labels": [title for title, _, _ in found] if several else [],
    }
    return Section(
        f"{prefix}_composition", "Composition", parent, "bargraph",
        [data for _, data, _ in found] if several else found[0][1],
        config=config,
        categories=[colours for _, _, colours in found] if several else found[0][2],
    )  # fmt: skip


def _outstanding(entries: Sequence[Mapping[str, Any]]) -> str:
    """Every section with its distances from the others; the farthest first."""
    measures = ("profile", "composition", "quality")
    if not any(each.get(name) is not None for each in entries for name in measures):
        return (
            f"<p>Not asked of {count(len(entries), 'section')}: it takes {LEAST_SECTIONS} to tell which "
            "one is unlike the others.</p>"
        )
    order = sorted(entries, key=lambda each: -max((each.get(name) or 0.0) for name in measures))
    rows = [
        [
            escape(str(each["sample"])),
            *(_distance(each.get(name)) for name in measures),
            escape("; ".join(map(str, each.get("reasons") or ()))),
        ]
        for each in order
    ]
    note = (
        "<p>How far each section is from the others of its group, in robust standard deviations: of mean "
        "expression, of composition, and of quality. Far ones are bold; they may be tissue or artefact.</p>"
    )
    return note + html_table(["Section", "Expression", "Composition", "Quality", "Why"], rows)


def _distance(value: float | None) -> str:
    if value is None:
        return ""
    return f"<strong>{value:.1f}</strong>" if value >= _OUTSTANDING else f"{value:.1f}"
