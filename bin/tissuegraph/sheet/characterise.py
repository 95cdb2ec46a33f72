"""What is asked of the domains: the parameter `--characterise` and those that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tissuegraph.errors import TissuegraphError
from tissuegraph.io.gene_sets import read_gene_sets
from tissuegraph.io.ligand_receptor import read_pairs
from tissuegraph.sheet.schema import comma_names, show, unknown_names

STEPS = ("markers", "spatial_genes", "trajectory", "interactions", "enrichment", "denoise")
NONE = "none"
_DENOISES = "stmfg"  # the method whose decoder has a mean
_OWN = {"root": "trajectory", "gene_sets": "enrichment", "interaction_pairs": "interactions"}
_NEEDED = ("gene_sets", "interaction_pairs")


def asked_of_domains(given: str) -> tuple[list[str], list[str]]:
    """The steps that a list joined by commas names, in their order, and one line for each name that is none.

    Enrichment is of the markers, which it brings along.
    """
    names = comma_names(given)
    expected = f"expected {' or '.join(STEPS)}, or several joined by commas, or {NONE}"
    if not names:
        return [], [f"parameter --characterise is empty - {expected}"]
    if NONE in names:
        alone = len(names) == 1
        return [], [] if alone else [f"parameter --characterise: {show(given)} - expected {NONE} alone"]
    problems = unknown_names("characterise", names, STEPS, expected)
    wanted = {*names, *(["markers"] if "enrichment" in names else [])}
    return [name for name in STEPS if name in wanted], problems


def characterise_problems(values: Mapping[str, Any], asked: Sequence[str]) -> Iterator[str]:
    """What the steps lack, and parameters that none of them reads."""
    for name, step in _OWN.items():
        if values.get(name) and step not in asked:
            yield f"parameter --{name}: {show(values[name])} - expected --characterise {step} with it"
    for name in _NEEDED:
        if _OWN[name] in asked and not values.get(name):
            yield f"parameter --{name} is missing - expected a file, as --characterise has {_OWN[name]}"
    if "denoise" in asked and _DENOISES not in comma_names(str(values.get("methods", ""))):
        yield (
            f"parameter --methods: {show(values.get('methods'))} - expected {_DENOISES} among them, as "
            "--characterise has denoise, which is its decoder's"
        )


def unreadable_files(gene_sets: Path | None, interaction_pairs: Path | None) -> Iterator[str]:
    """One line for each of the user's files that does not hold what it should."""
    for name, path, read in (
        ("gene_sets", gene_sets, read_gene_sets),
        ("interaction_pairs", interaction_pairs, read_pairs),
    ):
        if path is None:
            continue
        try:
            read(path)
        except TissuegraphError as error:
            yield f"parameter --{name}: {error}"
