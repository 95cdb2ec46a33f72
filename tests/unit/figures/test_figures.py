"""Figures: colours that stay apart, shapes that fill the tissue, files that stay small."""

from __future__ import annotations

import base64
import io
import re
from itertools import combinations

import numpy as np
import pytest
from helpers.fake_slices import lattice
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from skimage.color import rgb2lab

from tissuegraph.figures.cohort import cohort_figure
from tissuegraph.figures.domains import LabelPanel, confidence_figure, domain_figure
from tissuegraph.figures.geometry import label_positions, scale_bar, spot_shape
from tissuegraph.figures.palette import DOMAIN_COLOURS, UNLABELLED, domain_colour, region_number, text_colour
from tissuegraph.figures.quality import quality_figure
from tissuegraph.figures.save import save, save_with_picture, thumbnail
from tissuegraph.figures.tissue import Tissue, paint
from tissuegraph.figures.training import training_figure

# Machado et al. 2009, severity 1: what full deuteranopia and protanopia leave of linear RGB.
DEUTERANOPIA = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
]
PROTANOPIA = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]


def seen_as(colours, matrix) -> np.ndarray:
    """CIELAB (C, 3) of hex colours as seen with a colour deficiency, or without one (identity)."""
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ np.array(matrix).T
    linear = np.clip(linear, 0, 1)
    back = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(back[None])[0]


@pytest.mark.parametrize("matrix", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["normal", "deutan", "protan"])
def test_no_two_domain_colours_look_alike(matrix):
    # A difference of 2.3 in CIELAB is just noticeable side by side; 12 is told apart at a glance.
    lab = seen_as([*DOMAIN_COLOURS, UNLABELLED], matrix)
    nearest = min(np.linalg.norm(a - b) for a, b in combinations(lab, 2))
    assert nearest > (15 if np.array_equal(matrix, np.eye(3)) else 11)
    first = seen_as(DOMAIN_COLOURS[:12], matrix)
    assert min(np.linalg.norm(a - b) for a, b in combinations(first, 2)) > 14


def test_24_domains_and_12_regions_have_colours_of_their_own_and_then_they_repeat():
    domains = [domain_colour(number) for number in range(1, 25)]
    regions = [domain_colour(region_number(place)) for place in range(12)]
    assert len({*domains, *regions}) == 36
    assert domain_colour(len(DOMAIN_COLOURS) + 1) == domain_colour(1)
    with pytest.raises(ValueError, match="counted from 1, got 0"):
        domain_colour(0)


def test_text_is_dark_on_yellow_and_light_on_navy():
    assert text_colour("#F0E442") == "#000000"
    assert text_colour("#001E96") == "#FFFFFF"


@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_hexagons_of_a_turned_lattice_tile_it(turn):
    # A hexagon whose flat sides face its neighbours has the area pitch^2 * sqrt(3) / 2.
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shape = spot_shape(lattice(20, 20, pitch=100.0) @ rotation.T)
    assert shape.kind == "hexagonal"
    assert polygon_area(shape.outline) == pytest.approx(100**2 * np.sqrt(3) / 2, rel=1e-6)
    # neighbours lie at turn + k * 60 degrees, corners in between
    corner = np.degrees(np.arctan2(*shape.outline[0, ::-1]) - turn) % 60
    assert corner == pytest.approx(30, abs=1e-6)


def test_squares_tile_a_square_lattice_whose_spots_are_a_little_off():
    rows, columns = np.divmod(np.arange(400), 20)
    position = np.column_stack([columns, rows]) * 50.0 + np.random.default_rng(0).normal(0, 0.8, (400, 2))
    shape = spot_shape(position)
    assert shape.kind == "square"
    assert shape.width == pytest.approx(50, rel=0.03)


def test_scattered_cells_become_discs_with_a_cells_share_of_the_area():
    position = np.random.default_rng(0).uniform(0, 1000, (2500, 2))  # 400 square pixels per cell
    shape = spot_shape(position)
    assert shape.kind == "scattered"
    assert polygon_area(shape.outline) == pytest.approx(400, rel=0.2)


@pytest.mark.parametrize("n_spots", [1, 2, 7])
def test_a_handful_of_spots_still_has_a_shape(n_spots):
    assert np.isfinite(spot_shape(np.zeros((n_spots, 2)) + np.arange(n_spots)[:, None]).outline).all()


def test_the_number_of_a_ring_stands_on_the_ring_not_in_its_hole():
    position = lattice(40, 40, pitch=1.0)
    radius = np.hypot(*(position - position.mean(axis=0)).T)
    ring = (radius > 10) & (radius < 15)
    where = label_positions(position, ring.astype(int), 3)
    assert 10 < np.hypot(*(where[1] - position.mean(axis=0))) < 15
    assert np.isnan(where[2]).all()  # no spot has label 2


@pytest.mark.parametrize(
    ("width_px", "um_per_px", "length_um", "label"),
    [
        (6500, 1.0, 1000, "1 mm"),
        (1000, 0.5, 100, "100 µm"),
        (30000, 1.0, 5000, "5 mm"),
        (400, 1.0, 50, "50 µm"),
    ],
)
def test_scale_bars_have_round_lengths(width_px, um_per_px, length_um, label):
    length, text = scale_bar(width_px, um_per_px)
    assert (length * um_per_px, text) == (pytest.approx(length_um), label)


def test_painting_puts_every_spot_where_it_lies():
    position = np.array([[0.0, 0.0], [1000.0, 0.0], [0.0, 500.0]] * 10) + np.arange(30)[:, None] * 1e-3
    rgba = np.tile([[1.0, 0, 0, 1], [0, 1.0, 0, 1], [0, 0, 1.0, 1]], (10, 1))
    picture = paint(Tissue(position), rgba)
    height, width = picture.shape[:2]
    assert width > height  # 1000 wide, 500 high
    assert picture[: height // 2, : width // 2, 0].max() == 1  # red: left, top (y downwards)
    assert picture[: height // 2, width // 2 :, 1].max() == 1  # green: right, top
    assert picture[height // 2 :, : width // 2, 2].max() == 1  # blue: left, bottom


def test_figures_are_written_as_png_and_svg_with_editable_text(tmp_path):
    position = lattice(12, 12)
    numbers = np.arange(144) % 3 + 1
    image = np.full((60, 70, 3), 200, dtype=np.uint8)
    tissue = Tissue(position, image, image_scale=0.05, um_per_px=1.0)
    panels = [
        LabelPanel("Annotation", numbers % 3, names={1: "L1", 2: "L2"}),
        LabelPanel("stMFG", numbers, "ARI 0.60"),
    ]
    png, svg = save(domain_figure(tissue, panels, "slice"), tmp_path / "a.b.domains")
    assert [png.name, svg.name] == ["a.b.domains.png", "a.b.domains.svg"]
    assert png.read_bytes()[:4] == b"\x89PNG"
    for text in (">Histology<", ">Annotation<", ">stMFG<", ">ARI 0.60<", ">unlabelled<", ">L2<"):
        assert text in svg.read_text()


def test_the_same_input_gives_the_same_svg(tmp_path):
    tissue, numbers = Tissue(lattice(6, 6)), np.arange(36) % 2 + 1
    texts = [
        save(domain_figure(tissue, [LabelPanel("a", numbers)]), tmp_path / name)[1].read_bytes()
        for name in "xy"
    ]
    assert texts[0] == texts[1]


def test_quality_maps_leave_out_mitochondria_where_there_are_none(tmp_path):
    tissue, values = Tissue(lattice(6, 6)), np.arange(1.0, 37.0)
    keep = values > 3
    svg = save(quality_figure(tissue, values, values, np.full(36, np.nan), keep), tmp_path / "q")[
        1
    ].read_text()
    assert "Mitochondrial" not in svg
    assert ">3 of 36<" in svg


def test_maps_of_constant_or_missing_values_can_be_drawn():
    tissue = Tissue(lattice(6, 6))
    same = np.full(36, 5.0)
    assert quality_figure(tissue, same, same, np.zeros(36), np.ones(36, dtype=bool)).axes
    assert confidence_figure(tissue, np.ones(36, dtype=int), np.full(36, 1.0)).axes


def test_training_curves_have_a_panel_per_term_and_method():
    curves = {
        "stmfg": {"total": np.ones((3, 10)), "zinb": np.ones((3, 10))},
        "other": {"total": np.ones((1, 5))},
    }
    drawn = [ax.get_title(loc="left") for ax in training_figure(curves).axes]
    assert [title for title in drawn if title] == ["stmfg: total", "zinb", "other: total"]


def test_a_thumbnail_is_a_small_webp_that_needs_no_file():
    uri = thumbnail(domain_figure(Tissue(lattice(30, 30)), [LabelPanel("a", np.arange(900) % 5 + 1)]), 300)
    assert uri.startswith("data:image/webp;base64,")
    assert len(uri) < 60_000


def test_half_a_million_spots_make_a_small_svg(tmp_path):
    position = lattice(700, 715)
    figure = domain_figure(Tissue(position), [LabelPanel("a", (position[:, 0] // 9000).astype(int) + 1)])
    assert save(figure, tmp_path / "large")[1].stat().st_size < 3_000_000


def polygon_area(corners: np.ndarray) -> float:
    x, y = corners.T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def test_a_name_with_dollar_signs_is_drawn_as_it_is_written(tmp_path):
    """matplotlib would read a formula between them, and end the slice where there is none."""
    name = r"$\frac{$"
    numbers = np.arange(900) % 2 + 1
    figures = {
        "slice": domain_figure(Tissue(lattice(30, 30)), [LabelPanel(name, numbers, name, {1: name})]),
        "cohort": cohort_figure(
            [LabelPanel(name, numbers, name, {1: name})], [lambda: Tissue(lattice(30, 30))], [1.0], name, name
        ),
    }
    for stem, figure in figures.items():
        assert name in save(figure, tmp_path / stem, 50)[1].read_text()


def test_a_thousand_cells_are_pixels_in_an_svg_whose_text_stays_text(tmp_path):
    position = np.random.default_rng(0).uniform(0, 1000, (1000, 2))
    figure = domain_figure(Tissue(position), [LabelPanel("stMFG", np.arange(1000) % 4 + 1)])
    svg = save(figure, tmp_path / "cells")[1]
    text = svg.read_text()
    assert text.count("<path") + text.count("<use") < 100
    assert text.count("<image") == 1
    assert ">stMFG<" in text
    assert svg.stat().st_size < 300_000


def test_histology_that_spots_cover_is_no_picture_of_its_own_in_an_svg(tmp_path):
    """Four panels: bare histology, and three with it behind their spots."""
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    tissue = Tissue(lattice(12, 12), image, image_scale=0.14)
    panels = [LabelPanel(name, np.arange(144) % 3 + 1) for name in "abc"]
    text = save(domain_figure(tissue, panels), tmp_path / "x")[1].read_text()
    pictures = re.findall(r'base64,([^"]+)"', text)
    assert len(pictures) == 4
    assert all(len(picture) < 0.5 * len(pictures[0]) for picture in pictures[1:])  # noise packs badly


def test_the_picture_of_the_report_shows_what_the_png_shows(tmp_path):
    figure = domain_figure(Tissue(lattice(12, 12)), [LabelPanel("a", np.arange(144) % 3 + 1)])
    (path, _), uri = save_with_picture(figure, tmp_path / "x")
    with Image.open(path) as png, Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as small:
        assert small.width < png.width
        expected = np.asarray(png.convert("RGB").resize(small.size, Image.Resampling.LANCZOS), dtype=float)
        assert np.abs(np.asarray(small.convert("RGB"), dtype=float) - expected).mean() < 4


def test_a_png_is_as_large_on_paper_as_its_figure(tmp_path):
    figure = domain_figure(Tissue(lattice(6, 6)), [LabelPanel("a", np.ones(36, dtype=int))])
    path = save(figure, tmp_path / "x", dpi=100, formats=("png",))[0]
    with Image.open(path) as png:
        inches = [side / dots for side, dots in zip(png.size, png.info["dpi"], strict=True)]
    assert inches == pytest.approx(figure.get_size_inches().tolist(), abs=0.02)


@pytest.mark.parametrize("n_methods", [1, 2])
def test_nothing_of_training_curves_leaves_their_figure(n_methods):
    """Margins are fixed; numbers of five digits and of 1e-5 have to fit into them."""
    terms = {"total": np.linspace(30_000, 10_000, 20)[None], "zinb": np.linspace(3e-5, 1e-5, 20)[None]}
    figure = training_figure({f"m{k}": terms for k in range(n_methods)})
    FigureCanvasAgg(figure).draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_without_svg_there_is_the_png_alone(tmp_path):
    figure = domain_figure(Tissue(lattice(6, 6)), [LabelPanel("a", np.ones(36, dtype=int))])
    assert [path.name for path in save(figure, tmp_path / "x", formats=("png",))] == ["x.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


@pytest.mark.parametrize(("n_panels", "columns"), [(2, 2), (3, 3), (4, 4), (5, 3), (6, 3), (7, 4), (9, 3)])
def test_panels_stand_in_rows_that_are_filled(n_panels, columns):
    panels = [LabelPanel(str(k), np.ones(36, dtype=int)) for k in range(n_panels)]
    figure = domain_figure(Tissue(lattice(6, 6)), panels)
    lefts = {round(ax.get_position().x0, 3) for ax in figure.axes[:n_panels]}
    assert len(lefts) == columns


@pytest.mark.parametrize(("n_panels", "width"), [(2, 790), (3, 1186), (4, 1200)])
def test_a_picture_of_the_report_is_as_fine_as_its_card_and_no_finer(n_panels, width, tmp_path):
    panels = [LabelPanel(str(k), np.ones(36, dtype=int)) for k in range(n_panels)]
    _, uri = save_with_picture(domain_figure(Tissue(lattice(6, 6)), panels), tmp_path / "x")
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert picture.width == pytest.approx(width, abs=15)


def test_a_picture_of_half_a_million_cells_stays_light(tmp_path):
    rng = np.random.default_rng(0)
    position = rng.uniform(0, 10_000, (500_000, 2))
    numbers = rng.integers(1, 13, 500_000)  # the hardest to compress: no two neighbours alike
    figure = domain_figure(Tissue(position), [LabelPanel(str(k), numbers) for k in range(2)])
    _, uri = save_with_picture(figure, tmp_path / "x", formats=("png",))
    assert len(uri) < 400_000  # base64 of 300 kB


def test_quality_maps_name_the_unit_of_the_counts():
    tissue, values = Tissue(lattice(6, 6)), np.arange(1.0, 37.0)
    figure = quality_figure(tissue, values, values, values, np.ones(36, dtype=bool), "transcripts")
    words = {text.get_text() for ax in figure.axes for text in ax.texts}
    assert {"Transcripts per spot", "Mitochondrial transcripts (%)"} <= words
