"""Generated sections of two conditions as ASSEMBLE would leave them, with the true domains."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

from tissuegraph.characterise.pseudobulk import Pseudobulk, domain_sums
from tissuegraph.characterise.sections import Section
from tissuegraph.cohorts import design
from tissuegraph.records import Record
from tissuegraph.synthetic.conditions import DesignedCohort
from tissuegraph.synthetic.slices import make_slice


def write_group(cohort: DesignedCohort, folder: Path, *, matched: bool = True) -> list[object]:
    """Write sections, records and design; returns the options that name them."""
    for name in ("sections", "records"):
        (folder / name).mkdir()
    for member in cohort.members:
        drawn = make_slice(member.settings)
        numbers = pd.Categorical((drawn.domain + 1).astype(str), categories=list("12345"))
        obs = pd.DataFrame({"domain": numbers}, index=pd.Index(drawn.barcodes))
        obs["total_counts"] = np.asarray(drawn.counts.sum(axis=1)).ravel().astype(float)
        var = pd.DataFrame({"gene_id": drawn.gene_ids}, index=pd.Index(drawn.genes))
        counts = drawn.counts.astype(np.float32)
        data = anndata.AnnData(obs=obs, var=var, layers={"counts": counts}, uns={"tissuegraph": {}})
        data.write_h5ad(folder / "sections" / f"{member.name}.h5ad")
        told = Record(member.name, "assemble", metrics={"matched": matched})
        told.write(folder / "records" / f"{member.name}.json")
    (folder / "design.json").write_text(json.dumps(cohort.truth["sections"]))
    return [
        *("--sections", folder / "sections", "--records", folder / "records"),
        *("--design", folder / "design.json"),
    ]


def in_memory(cohort: DesignedCohort) -> tuple[list[Section], np.ndarray, Pseudobulk]:
    """Sections of the true domains, their spots (S, K), and counts summed per patient, without any file."""
    sections, spots, sums, genes = [], [], [], None
    for member in cohort.members:
        drawn = make_slice(member.settings)
        who = design.Member(sample=member.name, patient=member.patient, condition=member.condition)
        sections.append(Section(member=who, path=Path(), codes=drawn.domain, depth=1.0))
        spots.append(np.bincount(drawn.domain, minlength=5))
        sums.append(domain_sums(drawn.counts, drawn.domain, 5))
        genes = drawn.genes
    patients = tuple(sorted({member.patient for member in cohort.members}))
    rows = [[i for i, m in enumerate(cohort.members) if m.patient == patient] for patient in patients]
    return (
        sections,
        np.array(spots),
        Pseudobulk(
            patients=patients,
            genes=genes,
            counts=np.array([np.sum([sums[i] for i in own], axis=0) for own in rows]),
            spots=np.array([np.sum([spots[i] for i in own], axis=0) for own in rows]),
        ),
    )
