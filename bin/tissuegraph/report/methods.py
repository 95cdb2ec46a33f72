"""A paragraph for the methods section of a paper: what this run did, and whom to cite for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.clustering import clusterer_title
from tissuegraph.report.outcomes import Outcome, methods_of
from tissuegraph.report.section import Section, count

REFERENCES = {
    "nextflow": (
        "Di Tommaso P, et al. Nextflow enables reproducible computational workflows. "
        "Nat Biotechnol 35, 316-319 (2017).",
        "10.1038/nbt.3820",
    ),
    "scanpy": (
        "Wolf FA, Angerer P, Theis FJ. SCANPY: large-scale single-cell gene expression data analysis. "
        "Genome Biol 19, 15 (2018).",
        "10.1186/s13059-017-1382-0",
    ),
    "anndata": (
        "Virshup I, et al. anndata: Access and store annotated data matrices. "
        "J Open Source Softw 9, 4371 (2024).",
        "10.21105/joss.04371",
    ),
    "stmfg": ("stMFG. arXiv:2512.16188 (2025).", "10.48550/arXiv.2512.16188"),
    "multist": ("MultiST. arXiv:2601.13331 (2026).", "10.48550/arXiv.2601.13331"),
    "spahgc": ("SpaHGC. arXiv:2603.22821 (2026).", "10.48550/arXiv.2603.22821"),
    "mclust": (
        "Scrucca L, et al. mclust 5: clustering, classification and density estimation using Gaussian finite "
        "mixture models. R J 8, 289-317 (2016).",
        "10.32614/RJ-2016-021",
    ),
    "ari": ("Hubert L, Arabie P. Comparing partitions. J Classif 2, 193-218 (1985).", "10.1007/BF01908075"),
    "multiqc": (
        "Ewels P, et al. MultiQC: summarize analysis results for multiple tools and samples in a single "
        "report. Bioinformatics 32, 3047-3048 (2016).",
        "10.1093/bioinformatics/btw354",
    ),
}


def sections(outcomes: Sequence[Outcome], settings: Mapping[str, Any]) -> list[Section]:
    """The paragraph and its references; only steps that ran are in it."""
    done = [outcome for outcome in outcomes if outcome.assembled]
    if not done:
        return []
    cited: list[str] = []
    text = " ".join(_sentences(done, settings, cited))
    items = "".join(f"<li>{_reference(key)}</li>" for key in dict.fromkeys(cited))
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

    steps = [outcome.metrics.get("steps", {}) for outcome in outcomes]
    spots = sum(outcome.metrics["n_spots"] for outcome in outcomes)
    sentences = [
        f"{count(len(outcomes), 'slice')} with {spots:,} spots in total "
        f"{'was' if len(outcomes) == 1 else 'were'} analysed with tissuegraph {escape(_version())} "
        f"under Nextflow {cite('nextflow')}.",
        f"Quality metrics per spot were those of scanpy {cite('scanpy')}; {_thresholds(settings)}.",
    ]
    sentences += _expression_sentences(outcomes, settings, cite)
    for method, title in methods_of(outcomes).items():
        sentences.append(_method_sentence(method, title, outcomes, settings, cite))
    smoothing = _values(steps, "baseline", "n_neighbours")
    sentences.append(
        "As a baseline without learning, principal components of log-normalised counts were averaged over "
        f"each spot and its {smoothing or 'nearest'} nearest spots"
        + (", a number chosen without labels," if smoothing else "")
        + " and clustered by a vote of tied-covariance Gaussian mixtures, "
        + f"started as mclust {cite('mclust')} does."
    )
    if any(not (outcome.row.get("n_domains") or settings.get("n_domains")) for outcome in outcomes):
        sentences.append("Where the number of domains was not given it was estimated on the baseline.")
    if any(outcome.metrics.get("n_labelled") for outcome in outcomes):
        sentences.append(
            f"Domains were compared with the manual annotation by the adjusted Rand index {cite('ari')} over "
            "the annotated spots; labels were used for this only, never for training, model selection or "
            "clustering."
        )
    sentences.append(
        f"Results were stored as AnnData {cite('anndata')} and reported with MultiQC {cite('multiqc')}."
    )
    return sentences


def _expression_sentences(outcomes: Sequence[Outcome], settings: Mapping[str, Any], cite) -> list[str]:
    """What was inferred from images, and what was held out to judge that; nothing where neither was."""
    found = [outcome.metrics.get("expression", {}) for outcome in outcomes]
    inferred = sum(bool(each.get("goes_on")) for each in found)
    held_out = [each["held_out_by"] for each in found if each.get("scores")]
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
    if not parts:
        return []
    text = " and ".join(parts)
    preset = escape(str(settings.get("spahgc_preset")))
    return [
        f"With SpaHGC {cite('spahgc')}, preset {preset}, {text}; every choice was made on the references."
    ]


def _method_sentence(method: str, title: str, outcomes: Sequence[Outcome], settings, cite) -> str:
    seeds = _common(outcome.metrics.get("n_seeds") for outcome in outcomes)
    steps = [outcome.metrics.get("steps", {}) for outcome in outcomes]
    epochs = _values(steps, f"train_{method}", "epochs")
    clusterer = _values(steps, f"cluster_{method}", "clusterer")
    paper = f" {cite(method)}" if method in REFERENCES else ""
    preset = settings.get("preset" if method == "stmfg" else f"{method}_preset")
    parts = [f"Tissue domains were learned with {escape(title)}{paper}, preset {escape(str(preset))},"]
    parts.append(f"trained for {epochs} epochs" if epochs else "trained to the last epoch")
    if seeds and int(seeds) > 1:
        parts.append(f"from each of {seeds} seeds; domains are the consensus over the seeds")
    else:
        parts.append("from one seed")
    if clusterer:
        parts.append(f", clustered by {clusterer_title(clusterer)}")
    return " ".join(parts).replace(" ,", ",") + "."


def _thresholds(settings: Mapping[str, Any]) -> str:
    rules = []
    if settings.get("min_counts"):
        rules.append(f"fewer than {settings['min_counts']} UMIs")
    if settings.get("min_genes"):
        rules.append(f"fewer than {settings['min_genes']} genes")
    if settings.get("max_mito") is not None:
        rules.append(f"more than {settings['max_mito']} % mitochondrial UMIs")
    if settings.get("n_mads") is not None:
        rules.append(
            f"a value more than {settings['n_mads']} median absolute deviations from its slice's median"
        )
    if not rules:
        return "no spot was dropped by a threshold"
    listed = rules[0] if len(rules) == 1 else f"{', '.join(rules[:-1])} or {rules[-1]}"
    return f"spots with {listed} were dropped unless the samplesheet set other thresholds for a slice"


def _values(steps: Sequence[Mapping[str, Any]], step: str, name: str) -> str:
    """The value that all slices share, or `a to b`; empty when no record has it."""
    values = [s[step][name] for s in steps if s.get(step, {}).get(name) is not None]
    if not values:
        return ""
    if len(set(values)) == 1:
        return escape(str(values[0]))
    if all(isinstance(value, int | float) for value in values):
        return f"{min(values)} to {max(values)}"
    return escape(str(Counter(values).most_common(1)[0][0]))


def _common(values) -> Any:
    known = {value for value in values if value is not None}
    return max(known) if known else None


def _reference(key: str) -> str:
    text, doi = REFERENCES[key]
    return f'{escape(text)} <a href="https://doi.org/{doi}" target="_blank" rel="noopener">doi:{doi}</a>'


def _version() -> str:
    from tissuegraph import __version__

    return __version__
