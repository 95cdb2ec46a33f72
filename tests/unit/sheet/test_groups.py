"""Groups in the samplesheet: safe ids, numbers of domains that a group shares, and who may teach whom."""

import pytest

from tissuegraph.sheet.check import read_samplesheet
from tissuegraph.sheet.groups import group_id


@pytest.fixture
def read(tmp_path, schema):
    def write_and_read(text, **params):
        path = tmp_path / "sheet.csv"
        path.write_text(text)
        return read_samplesheet(path, schema, params)

    return write_and_read


@pytest.mark.parametrize(
    ("group", "safe"),
    [
        ("control", "control"),
        ("lung, left", "lung__left"),
        ("P1/core", "P1_core"),
        ("..", "_."),
        ("../up", "_._up"),
        ("-rf", "_rf"),
        ("Grün", "Gr_n"),
        (None, None),
    ],
)
def test_the_id_of_a_group_is_safe_in_paths_and_in_a_shell(group, safe):
    assert group_id(group) == safe


def test_groups_whose_ids_meet_are_one_line_each(read):
    sheet = read(
        'sample,path,group\nA,a.h5ad,lung left\nB,b.h5ad,lung_left\nC,c.h5ad,lung_left\n"D",d.h5ad,x\n'
    )
    assert sheet.problems == [
        "samplesheet row 3, column group: 'lung_left' - expected a name that differs from 'lung left' of row "
        "2 by more than blanks, accents and signs: both are 'lung_left' in the names of files"
    ]


@pytest.mark.parametrize("yes", ["true", "TRUE", "True", " true "])
def test_teaches_is_true_or_false_in_any_case_and_false_by_default(read, yes):
    sheet = read(
        "sample,path,group,annotation,teaches\n"
        f"A,a.h5ad,x,layer,{yes}\nB,b.h5ad,x,layer,FALSE\nC,c.h5ad,x,,\nD,d.h5ad,x,,NA\n"
    )
    assert sheet.problems == []
    assert [row["teaches"] for row in sheet.rows] == [True, False, False, False]
    assert [row["group_id"] for row in sheet.rows] == ["x"] * 4


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [
        ("A,a.h5ad,x,,true", "annotation", "empty - expected the annotation, as the row teaches"),
        ("A,a.h5ad,,layer,true", "group", "empty - expected the group whose other rows this row teaches"),
        ("A,a.h5ad,x,layer,perhaps", "teaches", "'perhaps' - expected true or false"),
    ],
)
def test_a_teacher_without_annotation_or_group_is_one_line_with_row_and_column(read, line, column, expected):
    (problem,) = read(f"sample,path,group,annotation,teaches\n{line}\nB,b.h5ad,x,,\n").problems
    assert problem.startswith(f"samplesheet row 2, column {column}: {expected}")


def test_a_slice_without_counts_cannot_teach(read):
    text = "sample,path,image,group,annotation,teaches\nA,a.h5ad,,x,,\nB,b.csv,he.png,x,l.csv,true\n"
    (problem,) = read(text, infer_expression=True).problems
    assert problem.startswith("samplesheet row 3, column teaches: 'True' - expected false")


def test_a_group_in_which_every_row_teaches_is_allowed_with_a_notice(read):
    sheet = read("sample,path,group,annotation,teaches\nA,a.h5ad,x,layer,true\nB,b.h5ad,x,layer,true\n")
    assert sheet.problems == []
    assert sheet.notices == [
        "group 'x': every row teaches - no other row is left whose regions would be named"
    ]


def test_groups_and_patients_that_differ_in_spelling_only_are_noticed(read):
    text = (
        "sample,path,group,patient\nA,a.h5ad,Lung,P1\nB,b.h5ad,lung,p1\nC,c.h5ad,Lung,p 1\nD,d.h5ad,Lung,P2\n"
    )
    sheet = read(text)
    assert sheet.problems == []
    assert [line.partition(" differ")[0] for line in sheet.notices] == [
        "the groups 'Lung', 'lung'",
        "the patients 'P1', 'p 1'",
    ]


def test_a_model_beside_teachers_is_refused(read):
    text = "sample,path,group,annotation,teaches\nA,a.h5ad,x,,\nB,b.h5ad,x,layer,true\n"
    assert read(text).problems == []
    (problem,) = read(text, region_model="models/x").problems
    assert problem.startswith(
        "parameter --region_model: 'models/x' - expected no row that teaches, but row 3"
    )


def test_a_number_on_which_all_given_ones_agree_is_the_groups(read):
    text = "sample,path,group,n_domains\nA,a.h5ad,x,7\nB,b.h5ad,x,\nC,c.h5ad,y,\nD,d.h5ad,,\nE,e.h5ad,x,7\n"
    rows = read(text, cohort="matched").rows
    assert [row["n_domains"] for row in rows] == [7, 7, None, None, 7]
    assert [row["n_domains_from"] for row in rows] == ["row", "group", None, None, "row"]


def test_numbers_that_differ_within_a_group_are_nobody_elses(read):
    text = "sample,path,group,n_domains\nA,a.h5ad,x,7\nB,b.h5ad,x,\nC,c.h5ad,x,9\n"
    sheet = read(text, cohort="matched")
    assert sheet.problems == []
    assert [row["n_domains"] for row in sheet.rows] == [7, None, 9]


def test_without_cohorts_every_row_stands_alone(read):
    rows = read("sample,path,group,n_domains\nA,a.h5ad,x,7\nB,b.h5ad,x,\n", cohort="off").rows
    assert [row["n_domains"] for row in rows] == [7, None]


def test_joint_refuses_numbers_that_contradict_each_other_once_per_group(read):
    text = (
        "sample,path,group,n_domains\nA,a.h5ad,x,7\nB,b.h5ad,y,3\nC,c.h5ad,x,9\nD,d.h5ad,x,8\n"
        "E,e.h5ad,y,\nF,f.h5ad,,2\nG,g.h5ad,,4\n"
    )
    assert read(text, cohort="joint").problems == [
        "samplesheet row 4, column n_domains: '9' - expected 7 as in row 2, as --cohort joint finds one set "
        "of domains for the group 'x'"
    ]


def test_a_group_named_like_rows_without_one_is_refused_where_models_are_kept(read):
    text = "sample,path,group,role\nA,a.h5ad,ungrouped,\nB,b.h5ad,,\nC,c.h5ad,,both\n"
    (problem,) = read(text, infer_expression=True).problems
    assert problem == (
        "samplesheet row 2, column group: 'ungrouped' - expected another name, as the model of rows without "
        "a group, such as row 3, is kept as 'ungrouped'"
    )
    assert read(text.replace("C,c.h5ad,,both\n", "")).problems == []
