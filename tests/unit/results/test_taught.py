"""Regions that other sections taught: columns with the names as annotated, scores that never match names."""

import anndata
import numpy as np
import pytest
from helpers.scripts import invoke_script
from helpers.step_files import assemble_words, write_regions, write_steps

from tissuegraph.figures.palette import UNLABELLED, domain_colour, region_number
from tissuegraph.records import Record, read_record
from tissuegraph.results.answers import judge
from tissuegraph.results.pictures import label_panels
from tissuegraph.results.steps import read_steps


@pytest.fixture
def files(tmp_path):
    return write_steps(tmp_path)


def assembled(files):
    result = invoke_script("assemble", *assemble_words(files, "stmfg"), "--figures", "png")
    assert result.exit_code == 0, result.output
    record = read_record(files / "out" / "assemble.json")
    return record, anndata.read_h5ad(files / "out" / "a.b.h5ad") if record.status != "failed" else None


def test_the_h5ad_holds_the_regions_under_their_exact_names(files):
    arrays = write_regions(files)
    _, data = assembled(files)
    names = arrays["names"]
    assert list(data.obs["region"].astype(str)) == list(names[arrays["region"]])
    assert list(data.obs["region_call"].cat.categories) == ["white/matter", "L2", "L10", "unsure"]
    assert list(data.obs["region_call"][:4].astype(str)) == ["unsure"] * 3 + [names[arrays["region"][3]]]
    assert np.allclose(data.obs["region_probability"], arrays["probability"])
    assert np.allclose(data.obs["region_novelty"], arrays["novelty"])
    told = data.uns["tissuegraph"]["regions"]
    assert (told["guard"], list(told["teachers"])) == ("shown", ["b", "c"])
    assert told["left_out"]["across"]["macro_f1"] == 0.7


def test_scanpy_finds_the_colours_of_the_figures(files):
    arrays = write_regions(files)
    _, data = assembled(files)
    for column in ("domain", "region", "region_call", "annotation"):
        colours = dict(zip(data.obs[column].cat.categories, data.uns[f"{column}_colors"], strict=True))
        assert all(colour.startswith("#") and len(colour) == 7 for colour in colours.values())
        if column == "domain":
            assert colours["2"] == domain_colour(2)
        else:  # one region, one colour, in every column
            assert colours["L2"] == domain_colour(region_number(list(arrays["names"]).index("L2")))
        if column == "region_call":
            assert colours["unsure"] == UNLABELLED


def test_regions_score_against_the_slices_own_annotation_which_changes_none_of_them(files):
    arrays = write_regions(files)
    record, data = assembled(files)
    scores = record.metrics["regions"]["scores"]
    assert scores == {"n_labelled": 57, "ari": 1.0, "macro_f1": 1.0, "accuracy": 1.0}
    assert data.uns["tissuegraph"]["regions"]["scores"]["macro_f1"] == 1.0
    assert record.metrics["regions"]["coverage"] == pytest.approx(58 / 61)
    assert record.metrics["regions"]["composition"] == {
        "L2": int((arrays["region"] == 1).sum()), "L10": int((arrays["region"] == 2).sum()),
    }  # fmt: skip


def test_a_slice_that_taught_the_model_is_not_scored_by_what_it_taught(files):
    write_regions(files, taught_the_model=True)
    assert assembled(files)[0].metrics["regions"]["scores"] == {}


def test_without_regions_nothing_says_region(files):
    record, data = assembled(files)
    assert "regions" not in record.metrics
    assert not [name for name in data.obs if "region" in name]


@pytest.mark.parametrize(
    ("guard", "titles"),
    [
        ("shown", ["Annotation", "Regions (taught)", "stMFG", "Baseline: smoothed PCA"]),
        ("not shown", ["Annotation", "stMFG", "Baseline: smoothed PCA", "Regions (taught)"]),
    ],
)
def test_regions_come_before_domains_only_where_transfer_was_shown(files, guard, titles):
    write_regions(files, guard=guard)
    steps = read_steps("a.b", files, ["stmfg"])
    panels = label_panels(steps, judge(steps, "stmfg"))
    assert [panel.title for panel in panels] == titles
    regions = panels[titles.index("Regions (taught)")]
    assert (guard in regions.note) == (guard == "not shown")
    # one name has one number, and so one colour, in annotation and regions
    assert panels[0].names == regions.names == {25: "white/matter", 26: "L2", 27: "L10"}
    # and no domain has it
    assert max(panel.numbers.max() for panel in panels if not panel.names) < 25
    labelled = (panels[0].numbers > 0) & (regions.numbers > 0)
    assert (panels[0].numbers[labelled] == regions.numbers[labelled]).all()


def test_a_teacher_has_the_colours_of_the_sections_that_it_teaches(files):
    names = ["white/matter", "L10", "L2"]  # in the order of the model
    Record("group:g", "teach", metrics={"names": names, "teachers": ["a.b"]}).write(files / "teach.json")
    steps = read_steps("a.b", files, ["stmfg"])
    panel = label_panels(steps, judge(steps, "stmfg"))[0]
    assert panel.names == {25: "white/matter", 26: "L10", 27: "L2"}


def test_regions_of_other_spots_are_refused_in_one_line(files):
    arrays = write_regions(files)
    np.savez(files / "regions.npz", **{k: v[:-1] if k != "names" else v for k, v in arrays.items()})
    record, _ = assembled(files)
    assert record.status == "failed"
    assert "regions.npz describes 60 spots, the slice has 61" in record.reasons[-1]


def test_annotated_regions_that_nobody_taught_are_told(files):
    arrays = write_regions(files)
    names = np.array(["l 2", "L10", "stroma"])  # L2 is annotated, `l 2` was taught; L10 is both
    np.savez(
        files / "regions.npz",
        **(arrays | {"names": names, "region": arrays["region"] - 1, "call": -1 + 0 * arrays["call"]}),
    )
    record, data = assembled(files)
    told = [reason for reason in record.reasons if reason.startswith("name_regions")]
    assert told == [
        "name_regions: the annotated region 'L2' differs from the taught 'l 2' by case or blanks only; they "
        "count as two regions"
    ]
    assert set(data.obs["region_call"]) == {"unsure"}
    np.savez(files / "regions.npz", **(arrays | {"names": np.array(["L10", "a", "b"])}))
    record, _ = assembled(files)
    assert "name_regions: no teacher has the annotated region 'L2'; no spot can be named so" in record.reasons
