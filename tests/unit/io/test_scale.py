"""How many micrometres a pixel has: as images say in their own fields, and whose word is taken."""

import numpy as np
import pytest
import tifffile
from helpers.reading import read_and_hear, refuses
from helpers.tiny import tiny_anndata, write_h5ad, write_outs
from PIL import Image

from tissuegraph.io.image_scale import image_scale
from tissuegraph.io.reading import describe
from tissuegraph.io.scale import settled

PLAIN = np.full((120, 220, 3), 200, np.uint8)  # as large as the full image of the tiny slices
VIPS = (
    "<image><properties><property><name>openslide.mpp-x</name>"
    '<value type="VipsRefString">0.499</value></property></properties></image>'
)
APERIO = "Aperio Image Library v10.0.51\r\n220x120 Q=30|AppMag = 20|MPP = {}|Left = 25.6"


def tiff(path, **options):
    tifffile.imwrite(path, PLAIN, photometric="rgb", **options)
    return path


def ome(path, **metadata):
    return tiff(path, ome=True, metadata={"axes": "YXS"} | metadata)


def physical(x, unit, y=None):
    return {
        **{"PhysicalSizeX": x, "PhysicalSizeXUnit": unit},
        **{"PhysicalSizeY": x if y is None else y, "PhysicalSizeYUnit": unit},
    }


@pytest.mark.parametrize(
    ("size", "unit"), [(0.25, "µm"), (0.25, "μm"), (250, "nm"), (0.00025, "mm"), (0.000025, "cm")]
)
def test_the_physical_size_of_ome_is_read_in_its_unit(tmp_path, size, unit):
    assert image_scale(ome(tmp_path / "a.ome.tif", **physical(size, unit))) == (
        pytest.approx(0.25),
        "OME-XML",
    )


def test_without_a_unit_the_physical_size_of_ome_is_in_micrometres(tmp_path):
    found = image_scale(ome(tmp_path / "a.ome.tif", PhysicalSizeX=0.5, PhysicalSizeY=0.5))
    assert found == (0.5, "OME-XML")


@pytest.mark.parametrize(
    "metadata",
    [physical(1, "pixel"), physical(0.5, "mm"), physical(0.0, "µm"), physical(0.25, "µm", y=0.5), {}],
)
def test_a_physical_size_that_is_none_of_a_scan_is_not_taken(tmp_path, metadata):
    assert image_scale(ome(tmp_path / "a.ome.tif", **metadata)) is None


def test_of_several_images_in_one_file_the_scale_is_that_of_the_one_that_is_read(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for pixels, size in ((PLAIN, 0.5), (PLAIN[:60, :110], 1.0)):
            file.write(pixels, photometric="rgb", metadata={"axes": "YXS"} | physical(size, "µm"))
    assert image_scale(path) == (0.5, "OME-XML")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (APERIO.format("0.4990"), (0.499, "Aperio MPP")),
        (APERIO.format("0"), None),
        (APERIO.format("1.2.3"), None),
        (APERIO.replace("MPP", "XMPP").format("0.5"), None),
        (VIPS, (0.499, "openslide.mpp-x")),
        ("openslide.mpp-x = 0.2\nopenslide.mpp-y = 0.2", (pytest.approx(0.2), "openslide.mpp-x")),
        ('{"openslide.mpp-x": "0.2"}', (0.2, "openslide.mpp-x")),
        ("a slide", None),
    ],
)
def test_the_scale_in_a_description_is_read(tmp_path, text, found):
    assert image_scale(tiff(tmp_path / "a.tif", description=text, metadata=None)) == found


@pytest.mark.parametrize(
    ("per_unit", "unit", "um"),
    [
        (20_000, "CENTIMETER", 0.5),
        (50_800, "INCH", 0.5),
        (72, "INCH", None),
        (96, "INCH", None),
        (28.35, "CENTIMETER", None),
        (20_000, "NONE", None),
        (1e7, "INCH", None),
    ],
)
def test_resolution_tags_are_read_where_a_scan_can_have_them(tmp_path, per_unit, unit, um):
    path = tiff(tmp_path / "a.tif", resolution=(per_unit, per_unit), resolutionunit=unit)
    assert image_scale(path) == (um and (pytest.approx(um), "resolution tags"))


def test_a_description_is_believed_before_resolution_tags(tmp_path):
    words = {"description": APERIO.format("0.25"), "metadata": None}
    path = tiff(tmp_path / "a.tif", resolution=(20_000, 20_000), resolutionunit="CENTIMETER", **words)
    assert image_scale(path) == (0.25, "Aperio MPP")


def test_the_resolution_of_a_png_or_jpeg_is_that_of_paper(tmp_path):
    for name in ("a.png", "a.jpg"):
        Image.fromarray(PLAIN).save(tmp_path / name, dpi=(50_800, 50_800))
        assert image_scale(tmp_path / name) is None


def test_the_first_source_is_taken_and_15_percent_between_any_two_are_told():
    said = []
    assert settled({"column": None, "platform": 0.5, "spot lattice": 0.57}, said.append) == (0.5, "platform")
    assert settled({"column": None, "platform": None}, said.append) is None
    assert said == []
    apart = {"column": 0.5, "image (OME-XML)": 0.46, "spot lattice": 0.54}
    assert settled(apart, said.append) == (0.5, "column")
    assert said == [
        "micrometres per pixel differ by more than 15% between sources: column 0.5, image (OME-XML) 0.46, "
        "spot lattice 0.54; that of the column is taken"
    ]


@pytest.mark.parametrize(
    ("column", "with_image", "found", "told"),
    [
        (None, False, (1.0, "spot lattice"), False),  # three spots, 100 px apart
        (None, True, (0.5, "image (OME-XML)"), True),
        (1.05, False, (1.05, "column"), False),
        (0.25, True, (0.25, "column"), True),
    ],
)
def test_of_visium_the_column_wins_over_the_image_and_the_image_over_the_lattice(
    tmp_path, column, with_image, found, told
):
    image = ome(tmp_path / "a.ome.tif", **physical(0.5, "µm")) if with_image else None
    adata, said = read_and_hear(write_outs(tmp_path / "outs"), um_per_px=column, image=image)
    metrics = describe(adata)
    assert (metrics["um_per_px"], metrics["um_per_px_source"]) == found
    assert (adata.uns["tissuegraph"]["um_per_px"], adata.uns["tissuegraph"]["um_per_px_source"]) == found
    lines = [line for line in said if line.startswith("micrometres per pixel differ")]
    assert len(lines) == told
    if told:
        assert "image (OME-XML) 0.5, spot lattice 1;" in lines[0]
        assert lines[0].endswith("the column um_per_px settles it") == (column is None)


@pytest.mark.parametrize("column", [None, 0.2])
def test_what_an_h5ad_says_is_believed_before_its_image(tmp_path, column):
    adata = tiny_anndata()
    adata.uns["tissuegraph"] = {"um_per_px": 0.5}
    path, image = (
        write_h5ad(tmp_path / "a.h5ad", adata),
        ome(tmp_path / "a.ome.tif", **physical(0.25, "µm")),
    )
    read, said = read_and_hear(path, image=image, um_per_px=column)
    assert describe(read)["um_per_px"] == (column or 0.5)
    assert "platform 0.5, image (OME-XML) 0.25;" in said[-1]


def test_an_image_in_other_pixels_than_the_spots_tells_nothing(tmp_path):
    hires = tmp_path / "hires.tif"
    tifffile.imwrite(
        hires, PLAIN[:60, :110], photometric="rgb", resolution=(20_000, 20_000), resolutionunit="CENTIMETER"
    )
    read, _ = read_and_hear(write_outs(tmp_path / "outs"), image=hires)
    assert describe(read)["um_per_px_source"] == "spot lattice"


@pytest.mark.parametrize(
    ("matrix", "um"),
    [
        ("2,0,0\n0,2,0\n0,0,1\n", 0.25),  # a pixel of 0.5 um is two units wide
        ("0,-0.5,9\n0.5,0,3\n0,0,1\n", 1.0),  # turned, and two pixels to a unit
    ],
)
def test_a_matrix_takes_the_scale_of_the_image_to_that_of_the_spots(tmp_path, matrix, um):
    image = tmp_path / "a.tif"
    tifffile.imwrite(
        image, PLAIN, photometric="rgb", resolution=(20_000, 20_000), resolutionunit="CENTIMETER"
    )
    (tmp_path / "m.csv").write_text(matrix)
    path = write_h5ad(tmp_path / "a.h5ad")
    read, _ = read_and_hear(path, image=image, image_matrix=tmp_path / "m.csv")
    found = describe(read)
    assert (found["um_per_px"], found["um_per_px_source"]) == (pytest.approx(um), "image (resolution tags)")
    read, said = read_and_hear(path, image=image, image_matrix=tmp_path / "m.csv", um_per_px=2 * um)
    assert describe(read)["um_per_px"] == 2 * um
    assert "column" in said[-1]
    assert f"image (resolution tags) {um:g};" in said[-1]


def test_a_matrix_that_cannot_be_read_says_nothing_of_the_scale(tmp_path):
    """Whoever registers the image says what is wrong with it."""
    (tmp_path / "m.csv").write_text("1,2,3\n")
    tifffile.imwrite(tmp_path / "a.tif", PLAIN, resolution=(20_000, 20_000), resolutionunit="CENTIMETER")
    path = write_h5ad(tmp_path / "a.h5ad")
    read, _ = read_and_hear(path, image=tmp_path / "a.tif", image_matrix=tmp_path / "m.csv")
    assert describe(read)["um_per_px"] is None


def test_the_spacing_that_is_assumed_makes_the_scale_where_nothing_else_does(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad")
    pitch = describe(read_and_hear(path)[0])["pitch_px"]
    read, said = read_and_hear(path, assume_spacing=200.0)
    found = describe(read)
    assert (found["um_per_px"], found["um_per_px_source"]) == (200 / pitch, "assumed spacing")
    assert any("200 um apart, as --assume_spacing says" in line for line in said)
    read, said = read_and_hear(path, assume_spacing=200.0, um_per_px=0.5)
    assert describe(read)["um_per_px_source"] == "column"
    assert not any("--assume_spacing" in line or "differ" in line for line in said)


def test_the_scale_of_an_image_of_twice_the_size_is_that_of_the_pixels_of_the_spots(tmp_path):
    large = tmp_path / "large.tif"
    resolution = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}  # 0.25 um
    tifffile.imwrite(large, PLAIN.repeat(2, axis=0).repeat(2, axis=1), photometric="rgb", **resolution)
    read, _ = read_and_hear(write_outs(tmp_path / "outs"), image=large)
    metrics = describe(read)
    assert metrics["um_per_px"] == pytest.approx(0.5)
    assert metrics["um_per_px_source"] == "image (resolution tags)"


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e9, float("nan")])
def test_a_scale_that_no_slide_has_is_refused_also_without_a_samplesheet(tmp_path, scale):
    with refuses("micrometres per pixel cannot be"):
        read_and_hear(write_h5ad(tmp_path / "a.h5ad"), um_per_px=scale)
