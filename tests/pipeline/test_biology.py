"""What domains mean, through the engine: every question of two sections, one of each condition.

That every question's answer is published is tried with stubs in test_output, and what answers say by tests of
the scripts.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import anndata
import numpy as np
import pandas as pd
import pytest

from .conftest import ROOT, TABLES, run_pipeline, write_sheet
from .faults import trained_for

pytestmark = pytest.mark.pipeline
SECTIONS = ("P01_S1", "P02_S1")
FEW = ("trajectory", "interactions", "enrichment", "denoise")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """A generated cohort with what is planted, cut to one section of each condition."""
    folder = tmp_path_factory.mktemp("biology")
    script = ROOT / "bin" / "simulate.py"
    command = [sys.executable, script, "--out", folder / "data", "--preset", "conditions", "--n-slices", "4"]
    subprocess.run(command, check=True)
    with (folder / "data" / "samplesheet.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["sample"] in SECTIONS]
    for row in rows:
        row["path"] = str(folder / "data" / row["path"])
    write_sheet(folder / "sheet.csv", rows)
    truth = json.loads((folder / "data" / "truth.json").read_text())
    sets = {name: [*genes, "ABSENT1"] for name, genes in truth["markers"].items()}
    text = "".join("\t".join([name, "planted", *genes]) + "\n" for name, genes in sets.items())
    (folder / "sets.gmt").write_text(text)
    (folder / "few.yaml").write_text(trained_for(40))
    return folder, truth


def characterised(folder, *options, **where):
    return run_pipeline(
        folder, "--input", str(folder / "sheet.csv"), "--n_seeds", "1", "--figures", "png", "--stmfg_preset",
        str(folder / "few.yaml"), *options, characterise=True, **where,
    )  # fmt: skip


@pytest.fixture(scope="module")
def outdir(cohort):
    folder, _ = cohort
    run = characterised(
        folder, "--characterise", f"markers,spatial_genes,{','.join(FEW)}",
        "--gene_sets", str(folder / "sets.gmt"), "--interaction_pairs", str(folder / "data" / "pairs.csv"),
    )  # fmt: skip
    assert run.code == 0, run.output
    return run.outdir


@pytest.mark.long
@pytest.mark.parametrize("sample", SECTIONS)
def test_every_table_lies_beside_the_h5ad_and_in_it(outdir, sample):
    folder = outdir / "slices" / sample
    data = anndata.read_h5ad(folder / f"{sample}.h5ad")
    domains = set(data.obs["domain"].astype(str))
    assert (folder / f"{sample}.marker_dots.png").exists()
    for name in TABLES:
        table = pd.read_csv(folder / f"{sample}.{name}.csv", dtype={"domain": str})
        assert len(table), name
        assert len(data.uns[name]) == len(table)
        assert list(data.uns[name].columns) == list(table.columns)
        if "domain" in table:
            assert set(table["domain"]) <= domains
    assert data.obs["pseudotime"].between(0, 1).mean() > 0.9
    denoised = data.layers["denoised"]
    assert denoised.shape == data.shape
    assert set(np.unique(denoised.indices)) == set(np.flatnonzero(data.var["in_model"]))


@pytest.mark.long
def test_planted_markers_lead_the_domain_of_their_layer(outdir, cohort):
    _, truth = cohort
    for sample in SECTIONS:
        folder = outdir / "slices" / sample
        obs = anndata.read_h5ad(folder / f"{sample}.h5ad").obs
        markers = pd.read_csv(folder / f"{sample}.markers.csv", dtype={"domain": str})
        layers = pd.crosstab(obs["domain"].astype(str), obs["annotation"].astype(str), normalize="index")
        clear = layers[layers.max(axis=1) > 0.8]  # the networks were trained briefly
        assert len(clear) >= 2
        for domain, layer in clear.idxmax(axis=1).items():
            first = markers[(markers["domain"] == domain) & (markers["rank"] <= 5)]["gene"]
            assert set(truth["markers"][layer]) & set(first)


@pytest.mark.long
def test_sets_of_planted_markers_are_enriched(outdir):
    table = pd.read_csv(outdir / "slices" / SECTIONS[0] / f"{SECTIONS[0]}.enrichment.csv")
    assert table["p_adjusted"].min() < 0.05


@pytest.mark.long
def test_the_group_is_described_and_not_tested_with_one_patient_a_side(outdir):
    folder = outdir / "cohort" / "conditions"
    shares = pd.read_csv(folder / "composition.csv")
    assert set(shares["condition"]) == {"control", "treated"}
    for _, own in shares.groupby("sample"):
        assert own["share"].sum() == pytest.approx(1, abs=1e-5)
    assert (
        not (folder / "composition_test.csv").exists()
        or pd.read_csv(folder / "composition_test.csv")["p_value"].isna().all()
    )
    report = (outdir / "multiqc" / "multiqc_report.html").read_text()
    assert "described, not tested" in report


def test_files_that_are_no_sets_or_pairs_are_refused_before_anything_runs(cohort, opening):
    folder, _ = cohort
    (folder / "bad.gmt").write_text("alone\n")
    (folder / "bad.csv").write_text("ligand,other\nA,B\n")
    options = ["--characterise", "enrichment,interactions", "--root", "1"]
    options += ["--gene_sets", str(folder / "bad.gmt"), "--interaction_pairs", str(folder / "bad.csv")]
    run = characterised(folder, *options, project=opening)
    assert run.code != 0
    lines = [line.strip() for line in run.output.splitlines() if "parameter --" in line]
    assert [line.split(":")[0] for line in lines] == [
        "parameter --root", "parameter --gene_sets", "parameter --interaction_pairs",
    ]  # fmt: skip
