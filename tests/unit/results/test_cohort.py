"""The h5ad of a group: all sections, only genes that all measured, numbers that claim no match."""

import json
import shutil

import anndata
import numpy as np
import pytest
from helpers.scripts import invoke_script
from helpers.step_files import N_SPOTS, assemble_words, write_regions, write_steps

from tissuegraph.records import Record, read_record
from tissuegraph.results.cohort_h5ad import index_type
from tissuegraph.slices.preprocess import log_normalised

N = N_SPOTS - 3  # spots that pass in each section


@pytest.fixture(scope="module")
def final(tmp_path_factory):
    """Final h5ad of a section that was named, as `assemble` writes it."""
    folder = write_steps(tmp_path_factory.mktemp("steps"))
    write_regions(folder)
    assert invoke_script("assemble", *assemble_words(folder, "stmfg")).exit_code == 0
    return folder / "out" / "a.b.h5ad"


def write_group(folder, final):
    """Two sections `one` and `two`; the second measured one gene less, in another order, and is not named."""
    for name in ("sections", "parts", "records", "out"):
        (folder / name).mkdir()
    shutil.copy(final, folder / "sections" / "one.h5ad")
    other = anndata.read_h5ad(final)[:, ::-1][:, 1:].copy()  # without gene11
    del other.obs["region"], other.obs["region_call"]
    other.uns["spatial"] = {"library": other.uns["spatial"]["a.b"]}
    other.write_h5ad(folder / "sections" / "two.h5ad")
    for index, name in enumerate(("one", "two")):
        components = np.full((N, 3), index + 0.5)
        np.savez(folder / "parts" / f"{name}.components.npz", components=components, joint=np.arange(N) % 2)
        Record(name, "assemble", metrics={"matched": True}).write(folder / "records" / f"{name}.json")
    return folder


@pytest.fixture
def group(tmp_path, final):
    """A group whose files a test may change."""
    return write_group(tmp_path, final)


@pytest.fixture(scope="module")
def assembled(tmp_path_factory, final):
    """The group as it is, and its record."""
    group = write_group(tmp_path_factory.mktemp("group"), final)
    return group, run(group)[0]


@pytest.fixture
def data(assembled):
    """The h5ad of the group as it is."""
    return anndata.read_h5ad(assembled[0] / "out" / "lung.h5ad")


def run(group):
    words = [word for name in ("sections", "parts", "records") for word in (f"--{name}", str(group / name))]
    out = group / "out"
    result = invoke_script(
        "assemble_cohort",
        *("--sample", "group:lung", *words, "--outdir", str(out), "--record", str(out / "record.json")),
    )
    assert result.exit_code == 0, result.output
    record = read_record(out / "record.json")
    return record, anndata.read_h5ad(out / "lung.h5ad") if record.status != "failed" else None


def test_all_sections_lie_in_one_object_with_the_genes_that_all_measured(assembled, data):
    group, record = assembled
    one, two = (anndata.read_h5ad(group / "sections" / f"{name}.h5ad") for name in ("one", "two"))
    assert record.status == "passed", record.reasons
    assert data.shape == (2 * N, 11)
    assert "gene11" not in data.var_names
    assert list(data.obs["section"]) == ["one"] * N + ["two"] * N
    assert data.obs_names.is_unique
    assert data.obs_names[0] == f"{one.obs_names[0]}-one"
    for section, rows in ((one, slice(N)), (two, slice(N, None))):
        shared = section[:, data.var_names].layers["counts"].tocsr()
        assert (data[rows].layers["counts"] != shared).nnz == 0
        assert (log_normalised(shared) != data[rows].X).nnz == 0


def test_components_regions_and_names_are_those_of_the_sections(data):
    assert (data.obsm["X_cohort"][:, 0] == np.repeat([0.5, 1.5], N)).all()
    assert list(data.obs["domain_joint"][:3].astype(str)) == ["1", "2", "1"]
    assert list(data.obs["region"].cat.categories) == ["white/matter", "L2", "L10"]
    assert data.obs["region"][:N].notna().all()
    assert data.obs["region"][N:].isna().all()
    assert list(data.uns["region_colors"]) == ["#8778FF", "#D2B45A", "#781E3C"]
    assert list(data.uns["region_call_colors"]) == ["#8778FF", "#D2B45A", "#781E3C", "#DCDCDC"]
    assert list(data.obs["domain"].cat.categories) == ["2", "3"]
    assert list(data.uns["domain_colors"]) == ["#E69F00", "#009E73"]


def test_each_section_keeps_its_own_plane_and_image_under_its_name(assembled, data):
    one = anndata.read_h5ad(assembled[0] / "sections" / "one.h5ad")
    assert set(data.uns["spatial"]) == set(data.obs["section"].unique())
    for rows in (slice(N), slice(N, None)):
        assert np.array_equal(data.obsm["spatial"][rows], one.obsm["spatial"])
    assert (data.uns["spatial"]["two"]["images"]["hires"] == 180).all()
    assert data.uns["spatial"]["two"]["scalefactors"]["tissue_hires_scalef"] == 0.05


def test_numbers_that_were_not_matched_carry_their_section(group):
    Record("two", "assemble", metrics={"matched": False}).write(group / "records" / "two.json")
    record, data = run(group)
    assert record.metrics["matched"] is False
    labels = data.obs["domain"].astype(str)
    assert labels[:N].str.startswith("one:").all()
    assert labels[N:].str.startswith("two:").all()
    assert not data.uns["tissuegraph"]["numbers_match"]
    assert data.obs["domain_confidence"].dtype.kind == "f"
    assert len(set(data.uns["domain_colors"])) == 4  # no colour claims a match
    drawn = (group / "out" / "lung.domains.svg").read_text()
    assert all(f">{name}<" in drawn for name in ("one:2", "one:3", "two:2", "two:3"))


def test_findings_of_the_group_travel_in_uns(group):
    taught = {"teachers": ["two"], "guard": "shown", "left_out": {"across": {"macro_f1": 0.7}}}
    Record("group:lung", "teach", metrics=taught).write(group / "records" / "teach.json")
    _, data = run(group)
    assert data.uns["tissuegraph"]["settings"]["teach"]["left_out"]["across"]["macro_f1"] == 0.7


def test_a_section_whose_expression_is_inferred_is_named_beside_the_measured_ones(group):
    other = anndata.read_h5ad(group / "sections" / "two.h5ad")
    other.uns["tissuegraph"]["inferred"] = True
    other.write_h5ad(group / "sections" / "two.h5ad")
    record, data = run(group)
    assert data.uns["tissuegraph"]["inferred_sections"].tolist() == ["two"]
    assert record.status == "warned"
    assert record.reasons[0].startswith("the expression of two is inferred from the image")


def test_a_flag_that_one_section_has_is_missing_in_the_other(group):
    other = anndata.read_h5ad(group / "sections" / "two.h5ad")
    other.obs["doublet"] = np.arange(N) == 0
    other.write_h5ad(group / "sections" / "two.h5ad")
    _, data = run(group)
    assert data.obs["doublet"][:N].isna().all()
    assert data.obs["doublet"][N:].astype(str).tolist() == ["True"] + ["False"] * (N - 1)


def test_a_section_without_components_leaves_them_out_and_says_so(group):
    (group / "parts" / "two.components.npz").unlink()
    record, data = run(group)
    assert record.status == "warned"
    assert record.reasons == ["no shared components in the cohort's h5ad, as two has none"]
    assert "X_cohort" not in data.obsm
    assert "domain_joint" not in data.obs


def test_sections_without_a_common_gene_fail_in_one_line(group):
    other = anndata.read_h5ad(group / "sections" / "two.h5ad")
    other.var_names = [f"ENSG{k}" for k in range(other.n_vars)]
    other.var["gene_id"] = other.var_names
    other.write_h5ad(group / "sections" / "two.h5ad")
    record, _ = run(group)
    assert record.status == "failed"
    assert record.reasons[0].startswith("the sections of the group share no gene by name or identifier")


def test_sections_named_by_symbol_and_by_identifier_meet_by_identifier(group):
    one, two = (anndata.read_h5ad(group / "sections" / f"{name}.h5ad") for name in ("one", "two"))
    of_two = two.layers["counts"].toarray()
    two.var_names = two.var["gene_id"] = [f"ENSG{name}" for name in two.var_names]
    one.var["gene_id"] = [f"ENSG{name}" for name in one.var_names]
    for name, data in (("one", one), ("two", two)):
        data.write_h5ad(group / "sections" / f"{name}.h5ad")
    record, data = run(group)
    assert (record.status, data.n_vars) == ("passed", 11)
    assert data.var_names.tolist() == [name for name in one.var_names if name != "gene11"]
    np.testing.assert_array_equal(
        data[data.obs["section"] == "two"].layers["counts"].toarray(), of_two[:, ::-1]
    )


def test_counts_can_be_worked_on_by_scipy_and_scanpy(data):
    """scipy refuses to change a matrix whose two index arrays differ in type, as rank_genes_groups does."""
    sc = pytest.importorskip("scanpy")
    for matrix in (data.X, data.layers["counts"]):
        assert matrix.indices.dtype == matrix.indptr.dtype == np.int32
        assert matrix.has_sorted_indices
        matrix.eliminate_zeros()
    sc.tl.rank_genes_groups(data, "section", method="t-test")
    assert index_type(2**31 - 1) is np.int32
    assert index_type(2**31) is np.int64


def test_sections_are_drawn_side_by_side(assembled):
    group, record = assembled
    assert record.metrics["files"] == {"domains": "lung.domains.png", "regions": "lung.regions.png"}
    for name in ("domains", "regions"):
        text = (group / "out" / f"lung.{name}.svg").read_text()
        assert ">one<" in text
        assert ">two<" in text
    assert "white/matter" not in (group / "out" / "lung.regions.svg").read_text()  # nowhere in these sections
    json.dumps(record.metrics)


def test_scanpy_goes_on_from_the_shared_components(data):
    sc = pytest.importorskip("scanpy")
    data.obsm["X_cohort"] += np.random.default_rng(0).normal(size=data.obsm["X_cohort"].shape)
    # (the default method compiles for ten seconds first)
    sc.pp.neighbors(data, use_rep="X_cohort", n_neighbors=5, method="gauss", transformer="sklearn")
    assert data.obsp["connectivities"].shape == (2 * N, 2 * N)
