"""Pictures of tiles and stain, and their section in the report; nothing where there is no image."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.fake_slices import lattice
from matplotlib.collections import PolyCollection

from tissuegraph.figures.histology import evenly_spread, roomiest_grid, stain_figure, tiles_figure
from tissuegraph.figures.save import save, thumbnail
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.report import histology as report
from tissuegraph.report import write_sections
from tissuegraph.report.gallery import gallery
from tissuegraph.report.outcomes import Outcome

PITCH, SCALE = 100.0, 0.1


def image_of(n_rows: int = 8, n_columns: int = 8, n_shown: int = 6, matrix=None) -> ImageFeatures:
    n_spots = n_rows * n_columns
    rng = np.random.default_rng(0)
    overview = rng.integers(0, 255, (110, 120, 3), dtype=np.uint8)
    tiles = rng.integers(0, 255, (n_shown, 16, 16, 3), dtype=np.uint8)
    return ImageFeatures(
        features=np.zeros((n_spots, 2)),
        names=["a", "b"],
        background=np.linspace(0, 1, n_spots),
        encoder="handcrafted",
        tile_um=100.0,
        tile_px=40.0,
        side_px=80.0,
        shown=np.linspace(0, n_spots - 1, n_shown).astype(int),
        tiles_before=tiles,
        tiles_after=255 - tiles,
        overview_before=overview,
        overview_after=255 - overview,
        overview_matrix=np.diag([SCALE, SCALE, 1.0]) if matrix is None else matrix,
    )


def titles(figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def squares(ax) -> list[np.ndarray]:
    """Corners (4, 2) of every outline in a panel."""
    found = [collection for collection in ax.collections if isinstance(collection, PolyCollection)]
    return [path.vertices[:4] for collection in found for path in collection.get_paths()]


def test_outlines_lie_where_the_tiles_were_cut():
    image, position = image_of(), lattice(8, 8, PITCH)
    drawn = squares(tiles_figure(image, position, side=80.0).axes[0])
    assert len(drawn) == 64 + 6  # every tile, and the examples once more
    np.testing.assert_allclose(drawn[5].mean(axis=0), position[5] * SCALE)
    np.testing.assert_allclose(np.ptp(drawn[5], axis=0), 80.0 * SCALE)


def test_a_slide_turned_by_a_matrix_is_drawn_as_it_is_scanned():
    turned = np.array([[0.0, -SCALE, 100.0], [SCALE, 0.0, 5.0], [0.0, 0.0, 1.0]])
    image, position = image_of(matrix=turned), lattice(8, 8, PITCH)
    drawn = squares(tiles_figure(image, position, side=80.0).axes[0])
    np.testing.assert_allclose(
        drawn[9].mean(axis=0), [100 - SCALE * position[9, 1], 5 + SCALE * position[9, 0]]
    )


def test_examples_carry_the_number_of_their_outline_and_their_background():
    image = image_of()
    text = titles(tiles_figure(image, lattice(8, 8), 80.0, um_per_px=1.0))
    assert {"Tiles", "Background share", "Examples", "64 tiles of 100 µm", "mean 0.50"} <= set(text)
    assert text.count("1") == 1
    assert "1 · 0% empty" in text
    assert "6 · 100% empty" in text


def test_thousands_of_tiles_are_not_outlined_one_by_one():
    image = image_of(60, 60)
    assert len(squares(tiles_figure(image, lattice(60, 60), 80.0).axes[0])) == 6


def test_before_and_after_show_the_two_overviews_and_tiles_in_pairs():
    image = image_of()
    figure = stain_figure(image, lattice(8, 8), "macenko", um_per_px=1.0)
    before, after, examples = figure.axes[:3]
    shown = [np.asarray(ax.images[0].get_array()).astype(int) for ax in (before, after)]
    assert np.abs(shown[0] + shown[1] - 255).max() <= 1
    pair = np.asarray(examples.images[0].get_array())
    assert pair.shape == (16, 33, 3)
    np.testing.assert_array_equal(pair[:, :16], image.tiles_before[0])
    np.testing.assert_array_equal(pair[:, 17:], image.tiles_after[0])
    assert "stain normalisation: macenko" in titles(figure)


@pytest.mark.parametrize("draw", [lambda *a: tiles_figure(*a, 80.0), lambda *a: stain_figure(*a, "reinhard")])
def test_a_slice_without_example_tiles_has_two_panels(draw):
    figure = draw(image_of(n_shown=0), lattice(8, 8))
    assert "Examples" not in titles(figure)
    assert thumbnail(figure, 300).startswith("data:image/webp;base64,")


def test_figures_are_saved_like_the_others(tmp_path):
    png, svg = save(tiles_figure(image_of(), lattice(8, 8), 80.0, 1.0), tmp_path / "s.tiles")
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert ">Background share<" in svg.read_text()


def test_the_grid_of_examples_is_the_one_with_the_largest_tiles():
    assert roomiest_grid(9, 3.0, 3.0, 1.0, 1.0) == (3, 1.0)
    assert roomiest_grid(4, 4.0, 1.0, 1.0, 1.0) == (4, 1.0)
    assert roomiest_grid(4, 1.0, 4.0, 1.0, 1.0) == (1, 1.0)


def test_examples_are_spread_over_those_available():
    assert list(evenly_spread(16, 4)) == [0, 5, 10, 15]
    assert list(evenly_spread(2, 9)) == [0, 1]
    assert len(evenly_spread(0, 9)) == 0


def outcome(sample: str, *, image: bool = True, pictures=None, reasons=()) -> Outcome:
    metrics = {"n_spots": 10}
    if image:
        metrics["histology"] = {
            "encoder": "handcrafted", "tile_um": 100.0, "tile_px": 136.2, "image_source": "full",
            "mean_background": 0.14, "stain_method": "macenko", "n_features": 119,
            "tile_by": "column",
        }  # fmt: skip
        metrics["pictures"] = pictures or {}
    return Outcome(sample, {}, "warned" if reasons else "passed", tuple(reasons), metrics)


def test_a_run_without_images_has_no_section_on_histology():
    assert report.sections([outcome("a", image=False)], {}) == []


def test_the_table_tells_what_was_read_and_what_went_wrong(tmp_path):
    warned = outcome("b", reasons=["encode_histology: pen marks <cover> 9%", "qc: few spots"])
    (section,) = report.sections([outcome("a"), warned, outcome("c", image=False)], {})
    assert section.data["a"]["mean_background"] == pytest.approx(14)
    assert section.data["a"]["image_source"] == "image file"
    assert section.data["a"]["tile_by"] == "column"
    assert "warnings" not in section.data["a"]
    assert section.data["b"]["warnings"] == "pen marks &lt;cover&gt; 9%"
    assert "1 slice without an image" in section.parent[2]
    section.write(tmp_path)
    content = json.loads((tmp_path / "histology_images_mqc.json").read_text())
    assert set(content["headers"]) >= set(content["data"]["b"])


def test_pictures_open_by_themselves_for_one_slice_and_behind_names_for_more():
    pictures = {"tiles": "data:image/webp;base64,T", "stain": "data:image/webp;base64,S", "card": "C"}
    one = report.sections([outcome("a", pictures=pictures)], {})[0].extra
    assert "<details open" in one
    assert one.index("base64,T") < one.index("base64,S")
    many = report.sections([outcome(name, pictures=pictures) for name in "abc"], {})[0].extra
    assert many.count("<details ") == 3
    assert "open" not in many


def test_a_page_with_too_many_pictures_leaves_the_last_ones_out_and_says_so():
    text = gallery([(name, "", {"Tiles": "x" * 40}) for name in "abcd"], budget=100)
    assert text.count("<img") == 2
    assert "the pictures of 2 further slices are not in it" in text


def test_the_section_is_part_of_the_report(tmp_path):
    assert "histology_images" in {section.id for section in write_sections([outcome("a")], {}, tmp_path)}
