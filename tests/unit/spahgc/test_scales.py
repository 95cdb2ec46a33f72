"""Targets whose tiles may be of another size than those of their references are refused."""

from dataclasses import replace

import pytest
from helpers.expression_cohort import members_of, write_cohort

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.spahgc.members import read_references
from tissuegraph.spahgc.scales import check_scales


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Features of unknown scale, of tiles of 100 um and 10 px, and the cohort that they are of."""
    folder = write_cohort(tmp_path_factory.mktemp("cohort"))
    return ImageFeatures.load(folder / "T" / "features.npz"), folder


def at(made, um_per_px):
    return replace(made[0], um_per_px=um_per_px, um_per_px_source="column")


def spaced(made, pixels):
    """Of unknown scale, with tiles of 50 um, so half as wide as spots are apart."""
    return replace(made[0], tile_um=50, side_px=pixels / 2)


def test_known_scales_go_together_however_far_apart_the_spots_lie(made):
    check_scales("T", {"T": at(made, 0.5), "A": at(made, 0.25)})


def test_a_target_of_unknown_scale_is_refused_beside_references_of_known_scale(made):
    with pytest.raises(InputError) as refused:
        check_scales("T", {"T": made[0], "A": at(made, 0.25), "B": at(made, 0.25)})
    assert str(refused.value) == (
        "row of T, column um_per_px: empty - nothing says the scale of its image, while that of its "
        "references is known (A: 0.25, column), so tiles would differ in size; expected micrometres per "
        "pixel, or --assume_spacing"
    )


def test_the_row_of_a_reference_of_unknown_scale_is_named(made):
    with pytest.raises(
        InputError, match=r"^row of B, column um_per_px: empty.*other slices is known \(T: 0.5"
    ):
        check_scales("T", {"T": at(made, 0.5), "A": at(made, 0.5), "B": made[0]})


def test_where_no_scale_is_known_spots_equally_far_apart_in_pixels_are_one_lattice(made):
    check_scales("T", {"T": spaced(made, 272), "A": spaced(made, 300), "B": spaced(made, 262)})


def test_a_denser_grid_of_unknown_scale_is_refused_with_both_distances(made):
    with pytest.raises(InputError, match=r"^row of T, column um_per_px: .* 90 px apart in T and 270 px in A"):
        check_scales("T", {"T": spaced(made, 90), "A": spaced(made, 270)})


def test_references_of_no_scale_are_read_and_do_not_serve_a_target_of_known_scale(tmp_path):
    folder = write_cohort(tmp_path)
    members = members_of(folder)
    references = read_references(members[:3])
    path = folder / "A" / "features.npz"
    replace(ImageFeatures.load(path), um_per_px=0.5, um_per_px_source="column").save(path)
    with pytest.raises(InputError, match="row of B, column um_per_px"):
        read_references(members[:3])
    path.with_name("features.npz").unlink()
    assert [piece.name for piece in references] == ["A", "B", "C"]
