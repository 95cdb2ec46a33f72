"""Sections of a group through the engine: one number, equal names for equal tissue, and what fails alone."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

from .conftest import run_pipeline, write_sheet

pytestmark = pytest.mark.pipeline
SECTIONS = ("layered", "old_layout")  # generated from the same layers


@pytest.fixture(scope="module")
def finished(tmp_path_factory, sheet):
    """Two sections and a broken one in a group without a number, and a group that shares no gene."""
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
    strangers = [{**patchy, "group": "strangers", "n_domains": "3"}]
    strangers.append({**strangers[0], "sample": "stranger", "path": str(launch / "stranger.h5ad")})
    table = str(write_sheet(launch / "sheet.csv", group + strangers))
    run = run_pipeline(launch, "--input", table, "--n_seeds", "1", "--cohort", "joint")
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
    assert (finished.outdir / "models" / "cortex__left" / "model.safetensors").is_file()


@pytest.mark.long
def test_a_model_from_disk_names_a_section_without_group_or_teacher_alike(finished, final, sheet, tmp_path):
    row = next(row for row in sheet if row["sample"] == "old_layout")
    table = write_sheet(tmp_path / "sheet.csv", [{**row, "group": "", "annotation": ""}])
    model = finished.outdir / "models" / "cortex__left"
    (tmp_path / "quick.yaml").write_text("extends: default\noptimiser:\n  epochs: 2\n")
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
