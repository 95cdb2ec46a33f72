"""A paragraph for the methods section of a paper: what this run did, and whom to cite for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph import __version__
from tissuegraph.clustering import clusterer_title
from tissuegraph.methods import title_of
from tissuegraph.report.outcomes import Outcome, methods_of, shared_unit
from tissuegraph.report.references import is_cited, reference
from tissuegraph.report.section import Section, count
from tissuegraph.scores.labellings import JOINTS

_ONLY = "were used for this only"
Cite = Callable[[str], str]  # notes a reference, returns its number in brackets


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """The paragraph and its references; only steps that ran are in it."""
    done = [outcome for outcome in outcomes if outcome.assembled]
    if not done:
        return []
    cited: list[str] = []
    text = " ".join(_sentences(done, settings, cited))
    items = "".join(f"<li>{reference(key)}</li>" for key in dict.fromkeys(cited))
    content = f"<p>{text}</p><p>References:</p><ol>{items}</ol>"
    parent = (
        "tissuegraph_methods",
        "Methods",
        "A description of this run to start the methods section of a paper from. Versions are listed under "
        "Software versions.",
    )
    return [Section("methods_description", "Methods", parent, "html", content)]


def _sentences(outcomes: Sequence[Outcome], settings: Mapping[str, Any], cited: list[str]) -> list[str]:
    def cite(key: str) -> str:
        cited.append(key)
        return f"[{list(dict.fromkeys(cited)).index(key) + 1}]"

    spots = sum(outcome.metrics["n_spots"] for outcome in outcomes)
    return [
        f"{count(len(outcomes), 'slice')} with {spots:,} spots in total "
        f"{'was' if len(outcomes) == 1 else 'were'} analysed with tissuegraph {escape(__version__)} "
        f"under Nextflow {cite('nextflow')}.",
        "Total counts, detected genes and the mitochondrial percentage were computed per spot; "
        f"{_thresholds(settings, shared_unit(outcomes))}. Genes were ranked by variance beyond the trend of "
        f"the mean {cite('hvg')}.",
        *_expression_sentences(outcomes, settings, cite),
        *(_method_sentence(method, outcomes, settings, cite) for method in methods_of(outcomes)),
        _baseline_sentence(outcomes, cite),
        *_cohort_sentences(outcomes),
        *_judging_sentences(outcomes, settings, cite),
        f"Results were stored as AnnData {cite('anndata')} and reported with MultiQC {cite('multiqc')}.",
    ]


def _expression_sentences(
    outcomes: Sequence[Outcome], settings: Mapping[str, Any], cite: Cite
) -> Iterable[str]:
    """What each method inferred from images, and what was held out to judge that."""
    found = [outcome.metrics["expression"] for outcome in outcomes if "expression" in outcome.metrics]
    for method in dict.fromkeys(each["method"] for each in found if each.get("method")):
        own = [each for each in found if each.get("method") == method]
        done = _inferred_and_held_out(own)
        if done:
            learned = (
                ", learned in an earlier run"
                if settings.get("reference_model")
                else _preset(method, settings)
            )
            name = f"{escape(title_of(method))} {cite(method)}{learned}"
            yield f"With {name}, {done}; every choice was made on the references."


def _inferred_and_held_out(found: Sequence[Mapping[str, Any]]) -> str:
    inferred = sum(bool(each.get("goes_on")) for each in found)
    compared = [each["held_out_by"] for each in found if each.get("scores")]
    held_out = [by for by in compared if by != "model"]
    parts = []
    if inferred:
        parts.append(f"expression of {count(inferred, 'slice')} without counts was inferred from histology")
    if held_out:
        were = "was" if len(held_out) == 1 else "were each"
        whole = ", with all slices of its patient," if "patient" in held_out else ""
        parts.append(
            f"{count(len(held_out), 'slice')} with counts {were} held out{whole} to compare inferred with "
            "measured expression"
        )
    if others := len(compared) - len(held_out):
        parts.append(
            f"expression of {count(others, 'slice')} with counts, inferred likewise, was compared with them"
        )
    return " and ".join(parts)


def _method_sentence(
    method: str, outcomes: Sequence[Outcome], settings: Mapping[str, Any], cite: Cite
) -> str:
    seeds = _largest(outcome.metrics.get("n_seeds") for outcome in outcomes)
    epochs = _values(outcomes, f"train_{method}", "epochs")
    clusterer = _values(outcomes, f"cluster_{method}", "clusterer")
    name = f"{escape(title_of(method))} {cite(method)}{_preset(method, settings)}"
    trained = f"trained for {epochs} epochs" if epochs else "trained to the last epoch"
    if seeds and seeds > 1:
        runs = f"from each of {seeds} seeds; domains are the consensus over the seeds"
    else:
        runs = "from one seed"
    clustered = f", clustered by {escape(clusterer_title(clusterer))}" if clusterer else ""
    if clusterer and is_cited(clusterer):
        clustered += f" {cite(clusterer)}"
    return f"Tissue domains were learned with {name}, {trained} {runs}{clustered}."


def _preset(method: str, settings: Mapping[str, Any]) -> str:
    """`, preset default`; empty where the run's parameters name none."""
    preset = settings.get(f"{method}_preset")
    return f", preset {escape(str(preset))}" if preset else ""


def _baseline_sentence(outcomes: Sequence[Outcome], cite: Cite) -> str:
    smoothing = _values(outcomes, "baseline", "n_neighbours")
    chosen = ", a number chosen without labels," if smoothing else ""
    radius = _values(outcomes, "baseline", "smoothing_radius_um")
    if radius:
        chosen = f", of bins and cells over all within {radius} um, chosen without labels,"
    return (
        "As a baseline without learning, principal components of log-normalised counts were averaged over "
        f"each spot and its {smoothing or 'nearest'} nearest spots{chosen} and clustered by a vote of "
        f"tied-covariance Gaussian mixtures, started as mclust {cite('mclust')} does."
    )


def _cohort_sentences(outcomes: Sequence[Outcome]) -> Iterable[str]:
    """What was done over the sections of a group, and what was taught."""
    if any(outcome.metrics.get("matched") for outcome in outcomes):
        yield (
            "Domains of the sections of a group were matched by their mean expression, centred within each "
            "section, so that one number means one tissue; a domain without a counterpart keeps a number of "
            "its own."
        )
    if any(outcome.metrics.get("final_method") in JOINTS for outcome in outcomes):
        yield (
            "Final domains come from one clustering of all sections of a group on components that they share."
        )
    if any(outcome.metrics.get("regions") for outcome in outcomes):
        yield (
            "Annotated regions were taught to sections by others: an ensemble was fitted on smoothed "
            "principal components of the annotated sections alone, and applied to each further section after "
            "an offset between it and them was estimated without its labels. Where teachers could be left "
            "out in turn, "
            "weights and calibration of the ensemble come from them."
        )


def _judging_sentences(outcomes: Sequence[Outcome], settings: Mapping[str, Any], cite: Cite) -> Iterable[str]:
    if any(not (outcome.row.get("n_domains") or settings.get("n_domains")) for outcome in outcomes):
        yield (
            "Where the number of domains was not given it was estimated on the baseline over five seeds, "
            "once for all sections of a group."
        )
    if any(outcome.agreement_known for outcome in outcomes):
        taught = any(outcome.metrics.get("regions") for outcome in outcomes)
        used = "were used for this and, of sections that teach, for regions" if taught else _ONLY
        yield (
            f"Domains were compared with the manual annotation by the adjusted Rand index {cite('ari')} over "
            f"the annotated spots; labels {used}, never for training, model selection or clustering."
        )


def _thresholds(settings: Mapping[str, Any], unit: str) -> str:
    rules = []
    if settings.get("min_counts"):
        rules.append(f"fewer than {settings['min_counts']} {unit}")
    if settings.get("min_genes"):
        rules.append(f"fewer than {settings['min_genes']} genes")
    if settings.get("max_mito") is not None:
        rules.append(f"more than {settings['max_mito']} % mitochondrial {unit}")
    if settings.get("n_mads") is not None:
        rules.append(
            f"a value more than {settings['n_mads']} median absolute deviations from its slice's median"
        )
    if not rules:
        return "no spot was dropped by a threshold"
    listed = rules[0] if len(rules) == 1 else f"{', '.join(rules[:-1])} or {rules[-1]}"
    return f"spots with {listed} were dropped unless the samplesheet set other thresholds for a slice"


def _values(outcomes: Sequence[Outcome], step: str, name: str) -> str:
    """The value that all slices share, or `a to b`; empty when no record has it."""
    steps = [outcome.metrics.get("steps", {}) for outcome in outcomes]
    values = [s[step][name] for s in steps if s.get(step, {}).get(name) is not None]
    if not values:
        return ""
    if len(set(values)) == 1:
        return escape(str(values[0]))
    if all(isinstance(value, int | float) for value in values):
        return f"{min(values)} to {max(values)}"
    return escape(str(Counter(values).most_common(1)[0][0]))


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
