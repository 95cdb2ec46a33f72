"""Sections of a group on one set of names: regions where taught, else domains; counts summed per patient."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tissuegraph.characterise import pseudobulk as module
from tissuegraph.characterise.pseudobulk import pseudobulk
from tissuegraph.characterise.sections import numbers_match, read_group, say_what_is_compared
from tissuegraph.cohorts.design import Member
from tissuegraph.errors import InputError
from tissuegraph.records import Record

COUNTS = np.array([[1, 0, 5], [0, 2, 0], [3, 0, 7], [0, 1, 1]])


def write(folder, name, counts=COUNTS, genes=("g1", "g2", "g3"), kind=sparse.csr_matrix, **obs):
    columns = {column: pd.Categorical(values) for column, values in obs.items()}
    index = pd.Index([f"spot{i}" for i in range(len(counts))])
    data = anndata.AnnData(
        obs=pd.DataFrame(columns, index=index),
        var=pd.DataFrame(index=pd.Index(genes)),
        layers={"counts": kind(np.asarray(counts, dtype=np.float32))},
        uns={"tissuegraph": {}},
    )
    data.write_h5ad(folder / f"{name}.h5ad")


def design(**patients):
    return {
        name: Member(sample=name, patient=patient, condition="a", teaches=name.startswith("teacher"))
        for name, patient in patients.items()
    }


def test_domains_are_ordered_as_numbers_and_empty_ones_left_out(tmp_path):
    write(tmp_path, "one", domain=["10", "2", "2", "10"])
    write(tmp_path, "two", domain=["2", "2", "1", "1"])
    group = read_group(tmp_path, {})
    assert (group.by, group.names) == ("domain", ("1", "2", "10"))
    assert [section.codes.tolist() for section in group.sections] == [[2, 1, 1, 2], [1, 1, 0, 0]]


def test_the_annotation_of_a_section_that_taught_stands_for_its_regions(tmp_path):
    write(tmp_path, "named", domain=list("1122"), region=["L1", "L2", "L1", "L1"])
    write(tmp_path, "other", domain=list("1122"), annotation=["L1", "L1", "L2", "L2"])
    write(tmp_path, "teacher", domain=list("1122"), annotation=["L2", None, "vessel", "L1"])
    group = read_group(tmp_path, design(named="P1", other="P2", teacher="P3"))
    assert (group.by, group.names, group.left_out) == ("region", ("L1", "L2"), ("other",))
    named, teacher = group.sections
    assert (named.annotated, teacher.annotated) == (False, True)
    assert teacher.codes.tolist() == [1, -1, -1, 0]  # unlabelled, and a name that was not taught


def test_a_section_without_a_spot_in_any_domain_is_left_out_and_named(tmp_path):
    write(tmp_path, "one", domain=["1", "2", "2", None])
    write(tmp_path, "lost", domain=pd.Categorical([None] * 4, categories=["1", "3"]))
    group = read_group(tmp_path, {})
    assert (group.names, [section.name for section in group.sections]) == (("1", "2"), ["one"])
    record = Record("group:g", "composition")
    say_what_is_compared(record, group)
    assert record.reasons == ["no spot of lost is in a domain: left out, as its shares are not known"]


def test_a_group_without_any_spot_in_a_domain_is_refused(tmp_path):
    write(tmp_path, "lost", domain=pd.Categorical([None] * 4, categories=["1", "3"]))
    with pytest.raises(InputError, match="no spot of any section of the group is in a domain"):
        read_group(tmp_path, {})


def test_numbers_match_only_where_every_assembly_says_so(tmp_path):
    for name, matched in (("one", True), ("two", False)):
        Record(name, "assemble", metrics={"matched": matched}).write(tmp_path / f"{name}.json")
    assert numbers_match(tmp_path, ["one"])
    assert not numbers_match(tmp_path, ["one", "two"])
    assert not numbers_match(tmp_path, ["one", "unknown"])


def test_no_section_is_an_error_in_one_line(tmp_path):
    with pytest.raises(InputError, match="no section of the group was assembled"):
        read_group(tmp_path, {})


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix])
def test_counts_are_summed_over_the_sections_of_a_patient_by_the_names_of_genes(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(module, "_CHUNK_SPOTS", 3)
    write(tmp_path, "one", domain=list("1122"), kind=kind)
    write(tmp_path, "two", counts=COUNTS[:, ::-1], genes=("g3", "g2", "g1"), domain=list("1111"), kind=kind)
    write(tmp_path, "three", counts=COUNTS[:, :2], genes=("g1", "g2"), domain=list("2222"), kind=kind)
    group = read_group(tmp_path, design(one="P1", two="P1", three="P2"))
    bulk = pseudobulk(group.sections, group.n_domains)
    assert bulk.patients == ("P1", "P2")
    assert bulk.genes.tolist() == ["g1", "g2"]  # that all measured
    assert bulk.counts.tolist() == [[[1 + 4, 2 + 3], [3, 1]], [[0, 0], [4, 3]]]
    assert bulk.spots.tolist() == [[6, 2], [0, 4]]
