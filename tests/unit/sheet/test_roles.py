"""Roles in the samplesheet: who infers whose expression, and what is refused before any task starts."""

import json

import pytest

from tissuegraph.sheet.check import read_samplesheet
from tissuegraph.sheet.roles import cohort_notices, cohort_problems, role_of

INFER = {"infer_expression": True}


@pytest.fixture(scope="session")
def schema(root):
    return json.loads((root / "assets" / "schema_input.json").read_text())


@pytest.fixture
def read(tmp_path, schema):
    def write_and_read(text, params=None):
        path = tmp_path / "sheet.csv"
        path.write_text(text)
        return read_samplesheet(path, schema, params)

    return write_and_read


def row(sample, number=2, **columns):
    return {"sample": sample, "row": number, "path": f"{sample}.h5ad", **columns}


@pytest.mark.parametrize(
    ("columns", "role"),
    [
        ({"path": "a.h5ad"}, "reference"),
        ({"path": "outs"}, "reference"),
        ({"path": "outs", "role": "target"}, "target"),
        ({"path": "spots.csv", "image": "he.tif"}, "target"),
        ({"path": None, "image": "he.tif", "spot_spacing": 100}, "target"),
        ({"path": "a.h5ad", "role": "both"}, "both"),
    ],
)
def test_a_row_that_cannot_have_counts_is_a_target_by_default(columns, role):
    assert role_of(columns) == role


@pytest.mark.parametrize(
    ("line", "column", "expected"),
    [
        ("A,spots.csv,,target,", "image", "expected a histology image, as path holds positions only"),
        ("A,,,target,100", "image", "expected a histology image, as without a path a grid"),
        ("A,,he.tif,,", "spot_spacing", "expected the distance between spots in micrometres"),
        ("A,spots.csv,he.tif,reference,", "role", "expected 'target', as only a slice with counts"),
        ("A,,he.tif,both,100", "role", "expected 'target', as only a slice with counts"),
        ("A,a.h5ad,,helper,", "role", "expected 'reference', 'target' or 'both'"),
        ("A,a.h5ad,,,-3", "spot_spacing", "expected a distance in micrometres above 0"),
    ],
)
def test_a_row_that_contradicts_itself_is_one_line_with_the_column(read, line, column, expected):
    (problem,) = read(f"sample,path,image,role,spot_spacing\n{line}\n").problems
    assert problem.startswith(f"samplesheet row 2, column {column}: ")
    assert expected in problem


def test_a_row_without_path_image_or_spacing_lacks_its_path(read):
    (problem,) = read("sample,path,spot_spacing\nA,,\n").problems
    assert problem.startswith("samplesheet row 2, column path: empty - expected the path of")


def test_a_matrix_needs_the_image_that_it_registers(read):
    (problem,) = read("sample,path,image_matrix\nA,a.h5ad,m.csv\n").problems
    assert problem.startswith("samplesheet row 2, column image: empty")


def test_a_target_without_a_reference_in_its_group_is_refused():
    rows = [row("A", 2, group="x"), row("B", 3, group="y", role="target")]
    (problem,) = cohort_problems(rows, INFER)
    assert problem == (
        "samplesheet row 3, column role: 'target' - expected another row in the group 'y' that can be its "
        "reference"
    )
    assert cohort_problems([row("A", 2, group="y"), rows[1]], INFER) == []


def test_a_slice_cannot_be_its_own_only_reference():
    (problem,) = cohort_problems([row("A", role="both")], INFER)
    assert "column role: 'both' - expected another row among the rows without a group" in problem


def test_targets_need_the_parameter_that_infers_them():
    grid = {"sample": "A", "row": 2, "path": None, "image": "he.tif", "spot_spacing": 9.0}
    for target in (grid, row("A", role="target")):
        (problem,) = cohort_problems([target], {"infer_expression": False})
        assert problem == (
            "samplesheet row 2, column role: 'target' - expected --infer_expression, or 'reference' where "
            "there are counts"
        )


def test_inference_with_nothing_to_infer_is_refused():
    (problem,) = cohort_problems([row("A"), row("B", 3)], INFER)
    assert problem.startswith("parameter --infer_expression: nothing to infer")


MODEL = INFER | {"reference_model": "models/a/expression"}


@pytest.mark.parametrize("role", ["target", "both"])
def test_beside_a_reference_model_no_row_has_to_be_a_reference(role):
    assert cohort_problems([row("T", role=role)], MODEL) == []
    assert len(cohort_problems([row("T", role=role)], INFER)) == 1


def test_beside_a_reference_model_scale_is_a_matter_of_the_model():
    known = row("A", um_per_px=0.5)
    target = row("T", 3, image="t.jpg", role="target") | {"path": "t.csv"}
    assert cohort_problems([known, target], MODEL) == []


def test_a_reference_model_needs_something_to_infer():
    (problem,) = cohort_problems([row("A")], MODEL)
    assert problem == (
        "parameter --infer_expression: nothing to infer - expected a row with the role target or both"
    )


def test_a_reference_model_needs_inference():
    assert cohort_problems([row("A")], {"reference_model": "m"}) == [
        "parameter --reference_model: 'm' - expected --infer_expression with it"
    ]


def test_a_reference_model_is_not_evaluated_by_holding_out():
    rows = [row("A"), row("B", 3), row("T", 4, role="target")]
    (problem,) = cohort_problems(rows, MODEL | {"evaluate": "loso"})
    assert problem.startswith("parameter --evaluate: 'loso' - expected no --reference_model with it")


def test_a_reference_model_keeps_its_own_settings():
    target = [row("T", role="target")]
    assert cohort_problems(target, MODEL | {"spahgc_preset": "default"}) == []
    (problem,) = cohort_problems(target, MODEL | {"spahgc_preset": "paper"})
    assert problem.startswith("parameter --spahgc_preset: 'paper' - expected none beside --reference_model")


def test_evaluation_needs_inference_and_two_references_in_one_group():
    rows = [row("A", group="x"), row("B", 3, group="y")]
    assert cohort_problems(rows, {"evaluate": "loso"}) == [
        "parameter --evaluate: 'loso' - expected --infer_expression with it"
    ]
    (problem,) = cohort_problems(rows, INFER | {"evaluate": "loso"})
    assert problem.endswith("expected a group with at least two references")
    assert cohort_problems([row("A"), row("B", 3)], INFER | {"evaluate": "loso"}) == []


def test_evaluation_by_patient_needs_two_known_patients():
    params = INFER | {"evaluate": "lopo"}
    (problem,) = cohort_problems([row("A", patient="P"), row("B", 3)], params)
    assert problem.startswith("samplesheet row 3, column patient: empty - expected the patient")
    (problem,) = cohort_problems([row("A", patient="P"), row("B", 3, patient="P")], params)
    assert problem.endswith("expected a group with references of at least two patients")
    assert cohort_problems([row("A", patient="P"), row("B", 3, patient="Q")], params) == []


@pytest.mark.parametrize("role", ["target", "both"])
def test_evaluation_by_patient_refuses_a_row_whose_references_are_all_of_its_patient(role):
    """Nothing may serve it then, which would show when its task failed."""
    own = row("T", 4, role=role, patient="P", group="x")
    others = [row("A", patient="P", group="x"), row("B", 3, patient="P", group="x")]
    elsewhere = [row("C", 5, patient="Q", group="y"), row("D", 6, patient="R", group="y")]
    assert cohort_problems([*others, own, *elsewhere], INFER | {"evaluate": "loso"}) == []
    (problem,) = cohort_problems([*others, own, *elsewhere], INFER | {"evaluate": "lopo"})
    assert problem.startswith(
        "samplesheet row 4, column patient: 'P' - expected a reference of another patient"
    )


def test_evaluation_by_patient_lets_a_target_of_unknown_patient_have_all_references():
    others = [row("A", patient="P"), row("B", 3, patient="P")]
    elsewhere = [row("C", 5, patient="Q", group="y"), row("D", 6, patient="R", group="y")]
    target = row("T", 4, role="target")
    assert cohort_problems([*others, target, *elsewhere], INFER | {"evaluate": "lopo"}) == []


def test_groups_that_an_evaluation_holds_nothing_out_of_are_named():
    rows = [
        *(row("A", patient="P", group="x"), row("B", 3, patient="P", group="x")),
        *(row("C", 4, patient="Q", group="y"), row("D", 5, patient="R", group="y")),
        row("E", 6, patient="S"),
    ]
    one = "--evaluate holds nothing out of the rows without a group: there is one reference only"
    assert cohort_notices(rows, INFER | {"evaluate": "loso"}) == [one]
    assert cohort_notices(rows, INFER | {"evaluate": "lopo"}) == [
        "--evaluate lopo holds nothing out of the group 'x': all references are of one patient",
        one,
    ]
    assert cohort_notices(rows, INFER) == []


@pytest.mark.parametrize("image", ["he.png", "he.JPG", "he.jpeg"])
def test_a_grid_over_an_image_without_a_scale_needs_the_column(read, image):
    sheet = f"sample,path,image,spot_spacing,um_per_px\nA,,{image},100,"
    (problem,) = read(f"{sheet}\n").problems
    assert problem == (
        "samplesheet row 2, column um_per_px: empty - expected micrometres per pixel, as spot_spacing is in "
        f"micrometres and {image[2:].lower()} does not say the scale of a slide"
    )
    assert read(f"{sheet}0.5\n").problems == []


def test_a_grid_over_a_tiff_may_have_its_scale_in_the_file(read):
    assert read("sample,path,image,spot_spacing\nA,,he.ome.tif,100\n").problems == []


def test_positions_of_unknown_scale_beside_a_reference_of_known_scale_are_refused():
    known = row("A", um_per_px=0.5)
    target = row("T", 3, image="t.jpg", role="target") | {"path": "t.csv"}
    (problem,) = cohort_problems([known, target], INFER)
    assert problem == (
        "samplesheet row 3, column um_per_px: empty - expected micrometres per pixel, as row 2, its "
        "reference, has them and .jpg does not say the scale of a slide; or --assume_spacing"
    )
    for told in ({"um_per_px": 0.4}, {"image": "t.tif"}, {"path": "t.h5ad"}):  # the file may say it
        assert cohort_problems([known, target | told], INFER) == []
    assert cohort_problems([known, target], INFER | {"assume_spacing": 200}) == []
    assert cohort_problems([row("A"), target], INFER) == []  # one lattice, perhaps


def test_rules_over_rows_wait_until_every_row_is_valid(read):
    sheet = read("sample,path,role\nA,a.h5ad,helper\nB,b.h5ad,target\n", INFER)
    assert len(sheet.problems) == 1
