"""Expression inferred from images: of a slice without counts, and of references held out."""

from __future__ import annotations

import shutil
from pathlib import Path

import anndata
import numpy as np
import pytest

from .conftest import Run, run_pipeline, write_sheet
from .faults import QUICK, QUICK_SPAHGC, exit_with, write_faults

pytestmark = pytest.mark.pipeline

# Domains are no concern of this file, nor are figures in two formats
FEW = ("--n_seeds", "1", "--stmfg_preset", "quick.yaml", "--figures", "png")


@pytest.fixture(scope="module")
def rows(tmp_path_factory, slices):
    """Two generated slices with image as references, and one of them again without its matrix."""
    folder = tmp_path_factory.mktemp("target")
    outs = shutil.copytree(slices / "layered" / "outs", folder / "outs")
    for matrix in outs.glob("*feature_bc_matrix*"):
        matrix.unlink() if matrix.is_file() else shutil.rmtree(matrix)
    return [
        *({"sample": name, "path": str(slices / name / "outs"), "n_domains": "4"} for name in REFERENCES),
        {"sample": "unseen", "path": str(outs), "role": "target", "n_domains": "4"},
    ]


REFERENCES = ("layered", "old_layout")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, rows):
    launch = tmp_path_factory.mktemp("expression")
    (launch / "quick.yaml").write_text(QUICK)
    (launch / "spahgc.yaml").write_text(QUICK_SPAHGC)
    (launch / "genes.txt").write_text("NOSUCHGENE\n")
    return run_pipeline(
        launch,
        *("--input", str(write_sheet(launch / "sheet.csv", rows)), "--infer_expression", *FEW),
        *("--evaluate", "loso", "--spahgc_preset", str(launch / "spahgc.yaml")),
        *("--genes", "genes.txt"),
    )


@pytest.fixture(scope="module")
def with_model(finished, rows):
    """The target alone, by the model that the run above published, from its image as encoded there."""
    launch = finished.outdir.parent
    run = run_pipeline(
        launch,
        *("--input", str(write_sheet(launch / "target.csv", rows[2:])), "--infer_expression", *FEW),
        *("--reference_model", str(model_of(finished)), "--genes", "NOSUCHGENE"),
        *("-resume", "--outdir", str(launch / "again")),
    )
    return Run(run.code, run.output, launch / "again")


def model_of(finished) -> Path:
    return finished.outdir / "models" / "ungrouped" / "expression"


def folder_of(finished, sample: str) -> Path:
    return finished.outdir / "slices" / sample


def test_run_succeeds(finished):
    assert finished.code == 0, finished.output


def test_a_slice_without_counts_gets_expression_and_domains_that_are_marked_as_inferred(finished):
    inferred = anndata.read_h5ad(folder_of(finished, "unseen") / "unseen.inferred.h5ad")
    assert np.isfinite(inferred.X).all()
    assert inferred.uns["tissuegraph"]["inferred"]
    assert "reliability" in inferred.var
    assert inferred.uns["tissuegraph"]["genes_left_out"].tolist() == ["NOSUCHGENE"]
    final = anndata.read_h5ad(folder_of(finished, "unseen") / "unseen.h5ad")
    assert final.uns["tissuegraph"]["inferred"]
    assert final.obs["domain"].nunique() == 4
    row = finished.table()["unseen"]
    assert (row["inferred"], row["role"]) == ("True", "target")


def test_references_are_held_out_and_compared_but_go_on_with_their_own_counts(finished):
    for sample in REFERENCES:
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
    found = {path.relative_to(finished.outdir / "models") for path in finished.outdir.glob("models/**/*.*")}
    folder = Path("ungrouped", "expression")
    assert found == {folder / "model.json", folder / "model.safetensors"}
    learned = {name for name in finished.statuses() if name.startswith("LEARN_EXPRESSION")}
    assert learned == {
        "LEARN_EXPRESSION (group:ungrouped)",
        "LEARN_EXPRESSION (group:ungrouped without layered)",
        "LEARN_EXPRESSION (group:ungrouped without old_layout)",
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
    assert second.uns["tissuegraph"]["references"].tolist() == list(REFERENCES)
    assert second.uns["tissuegraph"]["genes_left_out"].tolist() == ["NOSUCHGENE"]
    assert not [name for name in with_model.statuses() if name.startswith("LEARN_EXPRESSION")]
    assert with_model.table()["unseen"]["inferred"] == "True"
    reason = with_model.table()["unseen"]["reason"]
    assert "genes asked for that the panel of the reference model lacks: NOSUCHGENE" in reason


def test_models_that_are_none_or_of_images_encoded_in_another_way_are_refused_before_any_task(
    finished, rows, tmp_path, opening
):
    part = tmp_path / "model"
    part.mkdir()
    shutil.copy(model_of(finished) / "model.json", part)
    run = run_pipeline(
        tmp_path,
        *("--input", str(write_sheet(tmp_path / "sheet.csv", rows[2:])), "--infer_expression"),
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


@pytest.fixture(scope="module")
def planned(tmp_path_factory, rows):
    """Stub runs of two targets and two references held out: learning for the latter is lost, then resumed."""
    launch = tmp_path_factory.mktemp("planned")
    rows = [*rows, {**rows[2], "sample": "another"}]
    lost = write_faults(launch, {"group:ungrouped learn_expression without": exit_with(1)})
    words = ("--infer_expression", "--evaluate", "loso", "--characterise", "none", "-stub", "-resume")
    sheets = (write_sheet(launch / "sheet.csv", rows), write_sheet(launch / "reversed.csv", rows[::-1]))
    first = run_pipeline(launch, "-c", lost, "--input", str(sheets[0]), *words)
    assert first.code == 0, first.output
    before = first.statuses()
    second = run_pipeline(launch, "--input", str(sheets[1]), *words)
    assert second.code == 0, second.output
    return before, second


def expression_tasks(statuses) -> dict[str, str]:
    return {name: status for name, status in statuses.items() if "_EXPRESSION" in name}


@pytest.mark.long
def test_targets_of_the_same_references_share_what_is_learned_and_others_are_told_that_theirs_is_lost(
    planned,
):
    before, _ = planned
    assert expression_tasks(before) == {
        "LEARN_EXPRESSION (group:ungrouped)": "COMPLETED",
        "LEARN_EXPRESSION (group:ungrouped without layered)": "FAILED",
        "LEARN_EXPRESSION (group:ungrouped without old_layout)": "FAILED",
        **{f"INFER_EXPRESSION ({name})": "COMPLETED" for name in ("unseen", "another", *REFERENCES)},
    }


@pytest.mark.long
def test_a_resumed_run_learns_what_was_lost_and_nothing_else_whatever_the_order_of_rows(planned):
    _, second = planned
    assert expression_tasks(second.statuses()) == {
        "LEARN_EXPRESSION (group:ungrouped)": "CACHED",
        "LEARN_EXPRESSION (group:ungrouped without layered)": "COMPLETED",
        "LEARN_EXPRESSION (group:ungrouped without old_layout)": "COMPLETED",
        **{f"INFER_EXPRESSION ({name})": "CACHED" for name in ("unseen", "another")},
        **{f"INFER_EXPRESSION ({name})": "COMPLETED" for name in REFERENCES},
    }
    assert {path.name for path in (second.outdir / "slices").iterdir()} == {"unseen", "another", *REFERENCES}
