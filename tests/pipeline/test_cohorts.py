"""Sections of a group through the engine: one number, equal names for equal tissue, and what fails alone.

Of one of them there is an image alone: its expression is inferred by the others, which are held out in turn.
Tasks have several slices where they may.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from .conftest import Run, run_pipeline, without_counts, write_sheet
from .faults import QUICK, QUICK_SPAHGC, trained_for

pytestmark = pytest.mark.pipeline
SECTIONS = ("layered", "old_layout")  # generated from the same layers
MODELS = Path("models", "cortex__left")
SHORT = trained_for(30)  # which the layers are found with


@pytest.fixture(scope="module")
def unseen(tmp_path_factory, slices):
    """The row of one of the sections again, without its matrix."""
    outs = without_counts(slices / "layered" / "outs", tmp_path_factory.mktemp("target"))
    return {"sample": "unseen", "path": outs, "role": "target"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, sheet, unseen):
    """Two sections, a broken one and one of an image alone in a group without a number, and a group that
    shares no gene.
    """
    launch = tmp_path_factory.mktemp("cohorts")
    broken = launch / "broken.h5ad"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    rows = {row["sample"]: row for row in sheet}
    patchy = rows["patchy"]
    stranger = anndata.read_h5ad(patchy["path"])
    stranger.var_names = [f"other{k}" for k in range(stranger.n_vars)]
    stranger.var = stranger.var[[]]
    stranger.write_h5ad(launch / "stranger.h5ad")
    group = [{**rows[name], "n_domains": "", "group": "cortex, left"} for name in SECTIONS]
    group[0]["teaches"] = "true"
    group.append({"sample": "broken", "path": str(broken), "group": "cortex, left"})
    group.append({**unseen, "group": "cortex, left"})
    strangers = [{**patchy, "group": "strangers", "n_domains": "3"}]
    strangers.append({**strangers[0], "sample": "stranger", "path": str(launch / "stranger.h5ad")})
    table = str(write_sheet(launch / "sheet.csv", group + strangers))
    (launch / "spahgc.yaml").write_text(QUICK_SPAHGC)
    (launch / "genes.txt").write_text("NOSUCHGENE\n")
    inferring = ("--infer_expression", "--evaluate", "loso", "--spahgc_preset", "spahgc.yaml")
    words = ("--n_seeds", "1", "--cohort", "joint", "--figures", "png", "--genes", "genes.txt")
    (launch / "stmfg.yaml").write_text(SHORT)
    words += ("--slices_per_task", "3", "--slices_per_gpu_task", "3", "--stmfg_preset", "stmfg.yaml")
    run = run_pipeline(launch, "--input", table, *words, *inferring)
    assert run.code == 0, run.output
    return run


@pytest.fixture(scope="module")
def final(finished):
    paths = {name: finished.outdir / "slices" / name / f"{name}.h5ad" for name in (*SECTIONS, "patchy")}
    return {name: anndata.read_h5ad(path) for name, path in paths.items()}


def test_the_sections_of_a_group_have_one_estimated_number_which_is_not_written_as_given(finished):
    rows = [finished.table()[name] for name in SECTIONS]
    assert {row["n_domains"] for row in rows} == {""}
    assert len({row["n_domains_estimated"] for row in rows}) == 1
    assert int(rows[0]["n_domains_low"]) <= int(rows[0]["n_domains_estimated"])
    report = (finished.outdir / "multiqc" / "multiqc_report.html").read_text()
    assert "estimated;" in report
    for name in SECTIONS:  # side by side at the head of the chapter
        assert f'alt="Domains of {name}"' in report


def test_joint_domains_are_the_answer_and_equal_numbers_are_the_same_layer(final):
    columns = ["domain", "domain_joint_stmfg", "domain_joint", "annotation"]
    obs = pd.concat([final[name].obs[columns] for name in SECTIONS])
    assert (obs["domain"].astype(str) == obs["domain_joint_stmfg"].astype(str)).all()  # of one encoder
    assert all(final[name].uns["tissuegraph"]["final_method"] == "joint_stmfg" for name in SECTIONS)
    both = set(final[SECTIONS[0]].obs["domain"]) & set(final[SECTIONS[1]].obs["domain"])
    assert len(both) >= 2
    table = pd.crosstab(obs["domain"].astype(str), obs["annotation"].astype(str))
    assert table.max(axis=1).sum() > 0.7 * table.to_numpy().sum()  # of both sections together


def test_the_annotated_section_teaches_the_other_one_and_the_model_is_kept(finished, final):
    taught = final["old_layout"].obs
    known = taught["annotation"].notna()
    right = taught["region"].astype(str)[known] == taught["annotation"].astype(str)[known]
    assert right.mean() > 0.8
    assert set(taught["region_call"]) <= {*final["layered"].obs["annotation"].dropna(), "unsure"}
    assert "region" not in final["layered"].obs  # it teaches: its annotation is what is known
    assert finished.table()["old_layout"]["regions_from"] == "layered"
    assert (finished.outdir / MODELS / "model.safetensors").is_file()


@pytest.mark.long
def test_a_model_from_disk_names_a_section_without_group_or_teacher_alike(finished, final, sheet, tmp_path):
    row = next(row for row in sheet if row["sample"] == "old_layout")
    table = write_sheet(tmp_path / "sheet.csv", [{**row, "group": "", "annotation": ""}])
    model = finished.outdir / MODELS
    (tmp_path / "quick.yaml").write_text(QUICK)
    words = ("--n_seeds", "1", "--stmfg_preset", "quick.yaml", "--figures", "png")
    run = run_pipeline(tmp_path, "--input", str(table), *words, "--region_model", str(model))
    assert run.code == 0, run.output
    again = anndata.read_h5ad(run.outdir / "slices" / "old_layout" / "old_layout.h5ad").obs
    before = final["old_layout"].obs
    assert (again["region"].astype(str) == before["region"].astype(str)).all()
    np.testing.assert_allclose(again["region_probability"], before["region_probability"], atol=1e-5)


def test_a_broken_section_leaves_its_group_and_fails_alone(finished):
    table = finished.table()
    assert table["broken"]["status"] == "failed"
    assert all(table[name]["status"] != "failed" for name in SECTIONS)


def test_a_group_that_cannot_be_joined_costs_no_slice_and_says_why(finished, final):
    assert "domain_joint_stmfg" not in final["patchy"].obs
    for name in ("patchy", "stranger"):
        row = finished.table()[name]
        assert row["status"] == "warned"
        assert "cohort: the 2 sections have no gene in common" in row["reason"]
    assert final["patchy"].obs["domain"].nunique() == 3
    assert "domain_joint" not in final["patchy"].obs


# --- expression of a section of which there is an image alone ---------------------------------------------


@pytest.fixture(scope="module")
def with_model(finished, unseen):
    """The target alone, by the model that the run above published, from its image as encoded there."""
    launch = finished.outdir.parent
    table = write_sheet(launch / "target.csv", [{**unseen, "n_domains": "4"}])
    (launch / "quick.yaml").write_text(QUICK)
    run = run_pipeline(
        launch,
        *("--input", str(table), "--infer_expression", "--n_seeds", "1", "--stmfg_preset", "quick.yaml"),
        *("--figures", "png", "--reference_model", str(model_of(finished)), "--genes", "NOSUCHGENE"),
        *("-resume", "--outdir", str(launch / "again")),
    )
    return Run(run.code, run.output, launch / "again")


def model_of(finished) -> Path:
    return finished.outdir / MODELS / "expression"


def folder_of(finished, sample: str) -> Path:
    return finished.outdir / "slices" / sample


def test_a_slice_without_counts_gets_expression_and_domains_that_are_marked_as_inferred(finished):
    inferred = anndata.read_h5ad(folder_of(finished, "unseen") / "unseen.inferred.h5ad")
    assert np.isfinite(inferred.X).all()
    assert inferred.uns["tissuegraph"]["inferred"]
    assert "reliability" in inferred.var
    assert inferred.uns["tissuegraph"]["genes_left_out"].tolist() == ["NOSUCHGENE"]
    final = anndata.read_h5ad(folder_of(finished, "unseen") / "unseen.h5ad")
    assert final.uns["tissuegraph"]["inferred"]
    assert final.obs["domain"].nunique() >= 2
    row = finished.table()["unseen"]
    assert (row["inferred"], row["role"]) == ("True", "target")


def test_references_are_held_out_and_compared_but_go_on_with_their_own_counts(finished):
    for sample in SECTIONS:
        held_out = anndata.read_h5ad(folder_of(finished, sample) / f"{sample}.inferred.h5ad")
        assert held_out.layers["measured"].shape == held_out.shape
        assert sample not in held_out.uns["tissuegraph"]["references"]
        assert (
            "inferred"
            not in anndata.read_h5ad(folder_of(finished, sample) / f"{sample}.h5ad").uns["tissuegraph"]
        )
        row = finished.table()[sample]
        assert row["inferred"] == "False"
        assert -1 <= float(row["pcc_spahgc"]) <= 1


def test_the_report_has_the_chapter(finished):
    page = (finished.outdir / "multiqc" / "multiqc_report.html").read_text()
    assert "SpaHGC beside the controls" in page
    assert "unseen" in page


def test_the_model_of_all_references_is_published_and_those_of_folds_are_not(finished):
    found = {path.name for path in (finished.outdir / MODELS / "expression").iterdir()}
    assert found == {"model.json", "model.safetensors"}
    assert [path.name for path in (finished.outdir / "models").iterdir()] == [MODELS.name]
    learned = {name for name in finished.statuses() if name.startswith("LEARN_EXPRESSION")}
    assert learned == {
        "LEARN_EXPRESSION (group:cortex__left)",
        "LEARN_EXPRESSION (group:cortex__left without layered)",
        "LEARN_EXPRESSION (group:cortex__left without old_layout)",
    }


@pytest.mark.long
def test_a_model_of_an_earlier_run_infers_the_same_without_any_reference(finished, with_model):
    assert with_model.code == 0, with_model.output
    first, second = (
        anndata.read_h5ad(folder_of(run, "unseen") / "unseen.inferred.h5ad") for run in (finished, with_model)
    )
    assert second.var_names.tolist() == first.var_names.tolist()
    np.testing.assert_allclose(second.X, first.X, rtol=0, atol=1e-5)
    assert second.var["reliability"].equals(first.var["reliability"])
    assert second.uns["tissuegraph"]["references"].tolist() == list(SECTIONS)
    assert second.uns["tissuegraph"]["genes_left_out"].tolist() == ["NOSUCHGENE"]
    assert not [name for name in with_model.statuses() if name.startswith("LEARN_EXPRESSION")]
    assert with_model.table()["unseen"]["inferred"] == "True"
    reason = with_model.table()["unseen"]["reason"]
    assert "genes asked for that the panel of the reference model lacks: NOSUCHGENE" in reason


def test_models_that_are_none_or_of_images_encoded_in_another_way_are_refused_before_any_task(
    finished, unseen, tmp_path, opening
):
    part = tmp_path / "model"
    part.mkdir()
    shutil.copy(model_of(finished) / "model.json", part)
    run = run_pipeline(
        tmp_path,
        *("--input", str(write_sheet(tmp_path / "sheet.csv", [unseen])), "--infer_expression"),
        *("--reference_model", "model", "--encoder", "colour", "--tile_um", "50"),
        *("--region_model", "nowhere"),
        project=opening,
    )
    assert run.code != 0
    assert "parameter --region_model: 'nowhere' - expected a directory with model.json" in run.output
    assert "it has no model.safetensors" in run.output
    assert "parameter --encoder: 'colour' - expected 'handcrafted', as the references of" in run.output
    assert "parameter --tile_um: '50' - expected '100" in run.output
    assert "Unexpected error" not in run.output
    assert "INGEST" not in run.output
    assert not list(run.outdir.glob("slices*"))
