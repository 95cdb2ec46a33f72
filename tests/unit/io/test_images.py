"""Images of any depth and kind are shown in the colours that their file says, and held against the spots."""

import numpy as np
import pytest
import tifffile
from helpers.reading import refuses
from helpers.tiny import tiny_anndata, write_h5ad, write_outs
from PIL import Image

from tissuegraph.io import pixels
from tissuegraph.io.images import read_rgb
from tissuegraph.io.pixels import Conversion, as_rgb, full_value
from tissuegraph.io.placement import outside, place_image, same_picture
from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request

COLOUR = (200, 100, 50)
PLAIN = np.full((30, 40, 3), COLOUR, np.uint8)


def tiff(values, **options):
    return lambda path: tifffile.imwrite(path, values, **({"photometric": "rgb"} | options))


def pillow(image, **options):
    return lambda path: image.save(path, **options)


def with_glass(values, top):
    """One pixel of full light, as glass has."""
    values = values.copy()
    values[0, 0] = top
    return values


def rgba(alpha):
    return np.dstack([PLAIN, np.full(PLAIN.shape[:2], alpha, np.uint8)])


GREY = PLAIN[..., 0]
PALETTE = np.zeros((3, 256), np.uint16)
PALETTE[:, 7] = np.array(COLOUR) * 257
INKS = np.full((30, 40, 4), (55, 155, 205, 0), np.uint8)
ON_WHITE = tuple(round(c * 0.2 + 255 * 0.8) for c in COLOUR)  # 51 of 255 opaque


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (tiff(PLAIN), COLOUR),
        (tiff(with_glass(PLAIN.astype(np.uint16) * 16, 4095)), COLOUR),  # 12 bits in 16
        (tiff(with_glass(PLAIN.astype(np.uint16) * 257, 65535)), COLOUR),
        (tiff(with_glass(PLAIN.astype(np.float32), 255)), COLOUR),
        (tiff(with_glass(PLAIN.astype(np.float32) / 255, 1)), COLOUR),
        (tiff(np.moveaxis(PLAIN, 2, 0), planarconfig="separate"), COLOUR),
        (tiff(255 - GREY, photometric="miniswhite"), (200, 200, 200)),
        (tiff(np.full((30, 40), 7, np.uint8), photometric="palette", colormap=PALETTE), COLOUR),
        (tiff(INKS, photometric="separated"), COLOUR),
        (tiff(rgba(51), extrasamples=["unassalpha"]), ON_WHITE),
        (tiff(rgba(0), extrasamples=["unassalpha"]), (255, 255, 255)),
        (tiff(rgba(0), extrasamples=["unspecified"]), COLOUR),
        (tiff(np.moveaxis(PLAIN, 2, 0), photometric="minisblack"), COLOUR),  # three pages
        (pillow(Image.fromarray(PLAIN), format="PNG"), COLOUR),
        (pillow(Image.fromarray(PLAIN).quantize(4), format="PNG"), COLOUR),
        (pillow(Image.fromarray(PLAIN).quantize(4), format="PNG", transparency=0), (255, 255, 255)),
        (
            pillow(Image.fromarray(with_glass(GREY.astype(np.uint16) * 16, 4095)), format="PNG"),
            (200, 200, 200),
        ),
        (pillow(Image.fromarray(rgba(51)), format="PNG"), ON_WHITE),
        (pillow(Image.fromarray(rgba(0)), format="PNG"), (255, 255, 255)),
        (
            pillow(Image.fromarray(with_glass(GREY.astype(np.uint16) * 257, 65535)), format="PNG"),
            (200, 200, 200),
        ),
        (pillow(Image.fromarray(PLAIN).convert("CMYK"), format="JPEG", quality=98), COLOUR),
        (pillow(Image.fromarray(PLAIN), format="JPEG", quality=98), COLOUR),
    ],
)
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_colours_are_what_the_file_says_whatever_its_name(tmp_path, write, expected, name):
    path = tmp_path / name
    with path.open("wb") as file:
        write(file)
    read = read_rgb(path)
    assert read.shape == (30, 40, 3)
    np.testing.assert_allclose(read[10, 10], expected, atol=2)


def test_a_png_of_16_bits_keeps_the_range_of_its_values(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    deep = with_glass(PLAIN.astype(np.uint16) * 16, 4095)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    np.testing.assert_allclose(read_rgb(tmp_path / "a.png")[10, 10], COLOUR, atol=1)


DEEP = np.dstack([with_glass(PLAIN.astype(np.uint16) * 16, 4095), np.full(PLAIN.shape[:2], 65535, np.uint16)])
DEEP[:5, :, 3] = 0


@pytest.mark.parametrize("kind", ["png", "grey png", "tif", "array"])
def test_12_bits_of_colour_beside_16_of_alpha_keep_their_own_range(tmp_path, kind):
    path = tmp_path / "a"
    expected = (200, 200, 200) if kind == "grey png" else COLOUR
    if kind == "array":
        found = as_rgb(DEEP)
    else:
        if kind == "tif":
            tifffile.imwrite(path, DEEP, photometric="rgb", extrasamples=["unassalpha"])
        else:
            imagecodecs = pytest.importorskip("imagecodecs")
            stored = np.ascontiguousarray(DEEP[..., [0, 3]]) if kind == "grey png" else DEEP
            path.write_bytes(imagecodecs.png_encode(stored))
        found = read_rgb(path)
    np.testing.assert_allclose(found[10, 10], expected, atol=1)
    assert (found[:5] == 255).all()


def test_a_channel_without_a_meaning_is_alpha_where_it_hides_the_glass(tmp_path):
    values = rgba(255)
    values[:10] = 0
    tiff(values, extrasamples=["unspecified"])(tmp_path / "a.tif")
    found = read_rgb(tmp_path / "a.tif")
    assert (found[:10] == 255).all()
    assert (found[10:] == COLOUR).all()


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (
            tiff(
                np.zeros((5, 30, 40), np.uint8), photometric="minisblack", metadata={"axes": "CYX"}, ome=True
            ),
            "5 channels",
        ),
        (tiff(PLAIN, photometric="cielab"), "its colours are stored as CIELAB; save it as RGB"),
        (tiff(-PLAIN.astype(np.float32)), "has values from -200 to -50"),
        (lambda file: file.write(b"GIF89a" + bytes(50)), "is not a readable image (it is a GIF image)"),
        (lambda file: file.write(b"BM" + bytes(50)), "(it is a BMP image)"),
        (lambda file: file.write(b"\x89PNG\r\n\x1a\n" + bytes(50)), "is not a readable image"),
    ],
)
def test_what_cannot_be_shown_in_colour_is_refused_with_the_reason(tmp_path, write, words):
    with (tmp_path / "a.tif").open("wb") as file:
        write(file)
    with refuses(words):
        read_rgb(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "full"),
    [
        (np.array([[0, 200]], np.uint16), 255),
        (np.array([[0, 1000]], np.uint16), 1023),
        (np.array([[0, 4095]], np.int32), 4095),
        (np.array([[0, 5000]], np.uint16), 16383),
        (np.array([[0.0, 0.9]]), 1),
        (np.array([[0.0, 250.0]]), 255),
        (np.array([[0.0, np.nan, 300.0]]), 65535),
        (np.array([[True]]), 1),
    ],
)
def test_full_light_is_told_by_type_and_range(values, full):
    assert full_value(values) == full


def test_channels_may_come_first_and_alpha_is_white():
    np.testing.assert_array_equal(as_rgb(np.moveaxis(PLAIN, 2, 0)), PLAIN)
    assert (as_rgb(rgba(0)) == 255).all()
    premultiplied = Conversion(alpha="premultiplied").apply(np.full((1, 1, 4), (40, 20, 10, 51), np.uint8))
    assert premultiplied[0, 0].tolist() == [244, 224, 214]


@pytest.mark.parametrize("place", ["outs", "h5ad", "column"])
def test_one_limit_holds_for_every_way_that_an_image_comes(tmp_path, monkeypatch, place):
    monkeypatch.setattr(pixels, "MAX_DECODED", 5000)
    said = []
    outs = write_outs(tmp_path / "outs", images=("hires",) if place == "outs" else ())  # 60 x 110 = 6600
    request = Request(path=outs, sample="S", warn=said.append)
    if place == "h5ad":
        adata = tiny_anndata()
        images, factors = {"hires": np.zeros((60, 110, 3), np.uint8)}, {"tissue_hires_scalef": 0.5}
        adata.uns["spatial"] = {"S": {"images": images, "scalefactors": factors}}
        request = Request(path=write_h5ad(tmp_path / "a.h5ad", adata), sample="S", warn=said.append)
    if place == "column":
        Image.fromarray(np.zeros((120, 220, 3), np.uint8)).save(tmp_path / "he.png")
        request = Request(path=outs, sample="S", image=tmp_path / "he.png", warn=said.append)
    result = read_slice(request)
    assert "spatial" not in result.uns
    assert sum("at most 5,000 can be decoded" in line or "is not shown" in line for line in said) == 1


def test_a_png_that_declares_50_000_pixels_a_side_is_not_decoded(tmp_path):
    import struct
    import zlib

    outs, said = write_outs(tmp_path / "outs"), []
    path = outs / "spatial" / "tissue_hires_image.png"
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 50_000, 50_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    result = read_slice(Request(path=outs, sample="S", warn=said.append))
    assert set(result.uns["spatial"]["S"]["images"]) == {"lowres"}
    assert any("has 50000 x 50000 pixels, at most 400,000,000" in line for line in said)


# A slice of 400 x 300 full-resolution pixels with a hires image of a quarter
RNG = np.random.default_rng(0)
FULL = np.kron(RNG.integers(0, 255, (15, 20, 3)), np.ones((20, 20, 1))).astype(np.uint8)
HIRES = {"hires": np.asarray(Image.fromarray(FULL).resize((100, 75), Image.Resampling.BOX))}
FACTORS = {"tissue_hires_scalef": 0.25, "tissue_lowres_scalef": 0.1}
XY = np.stack(np.meshgrid(np.linspace(60, 340, 8), np.linspace(60, 240, 6)), axis=-1).reshape(-1, 2)


def place(image, xy=XY, images=HIRES):
    size = image.shape[1::-1]
    return place_image(xy, "he.tif", size, FACTORS, images, lambda: image)


def resized(width, height, picture=FULL):
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


@pytest.mark.parametrize(
    ("size", "scale", "kind"),
    [((400, 300), 1, "full"), ((100, 75), 0.25, "hires"), ((40, 30), 0.1, "lowres")],
)
def test_an_image_is_known_by_its_size(size, scale, kind):
    found = place(resized(*size))
    assert (found.scale, found.kind, found.note) == (scale, kind, None)


@pytest.mark.parametrize(("size", "scale"), [((200, 150), 0.5), ((800, 600), 2.0)])
def test_the_whole_picture_at_another_size_is_scaled_and_said(size, scale):
    found = place(resized(*size))
    assert found.scale == pytest.approx(scale)
    assert f"he.tif has {size[0]} x {size[1]} pixels" in found.note
    assert "belongs to one of 400 x 300: the positions are scaled" in found.note


@pytest.mark.parametrize(
    "image",
    [
        FULL[20:, 40:],  # cropped
        FULL[30:270, 40:360],  # cropped to the same sides
        resized(270, 300),  # another camera
        resized(200, 150)[:, ::-1],  # mirrored
    ],
)
def test_a_part_or_another_picture_is_refused_with_both_sizes(image):
    height, width = image.shape[:2]
    words = f"he.tif has {width} x {height} pixels, but the slice's hires image (100 x 75, scale factor 0.25)"
    with refuses(words):
        place(image)


def test_a_picture_without_contrast_cannot_be_told_from_another():
    assert same_picture(np.full((9, 9, 3), 250, np.uint8), FULL)
    assert not same_picture(FULL[::-1], FULL)


def test_without_a_known_size_the_scale_that_holds_the_spots_is_taken():
    assert place(FULL, images={}).kind == "full"
    assert place(resized(100, 75), images={}).kind == "hires"
    with refuses("fall outside its 10 x 10 pixels, 48 of 48 of them"):
        place(resized(10, 10), images={})


# Of a picture of 16,000 x 12,000 pixels Space Ranger makes 2000 x 1500 and 600 x 450
OWN_FACTORS = {"tissue_hires_scalef": 0.125, "tissue_lowres_scalef": 0.0375}


@pytest.mark.parametrize(
    ("size", "scale", "kind", "told"),
    [
        ((16_000, 12_000), 1, "full", False),
        ((2000, 1500), 0.125, "hires", False),
        ((600, 450), 0.0375, "lowres", False),
        ((32_000, 24_000), 2, "full", True),
        ((8000, 6000), 0.5, "full", True),
        ((14_000, 11_000), 1, "full", False),  # a part whose pixels are those of the positions
    ],
)
def test_scale_factors_tell_the_size_of_the_image_where_there_is_no_picture(size, scale, kind, told):
    found = place_image(XY * 30, "he.tif", size, OWN_FACTORS, {}, lambda: FULL)
    assert (found.scale, found.kind) == (scale, kind)
    assert (found.note is not None) is told
    if told:
        words = "but the scale factors belong to one of 16000 on the longer side: the positions are scaled"
        assert words in found.note


def test_few_spots_in_a_corner_do_not_make_a_hires_image_the_full_one():
    assert place_image(XY, "he.png", (2000, 1500), OWN_FACTORS, {}, lambda: FULL).kind == "hires"


def test_a_few_spots_off_the_image_are_no_reason_to_refuse_it():
    assert outside(np.array([[0, 0], [400, 300], [-1, 5], [5, 301]]), (400, 300)).tolist() == [
        False,
        False,
        True,
        True,
    ]
    xy = np.vstack([XY, [[-20.0, 60]]])
    assert place(FULL, xy).kind == "full"


def many_spots(off):
    xy = np.stack(np.divmod(np.arange(100), 10), axis=1) * 10.0 + 5
    xy[:off, 0] = -8
    import anndata

    adata = anndata.AnnData(np.ones((100, 2), np.float32), obsm={"spatial": xy})
    picture = np.zeros((50, 50, 3), np.uint8)
    adata.uns["spatial"] = {"x": {"images": {"hires": picture}, "scalefactors": {"tissue_hires_scalef": 0.5}}}
    return adata


@pytest.mark.parametrize(("off", "n_spots", "n_images"), [(0, 100, 1), (1, 99, 1), (30, 100, 0)])
def test_one_spot_off_the_image_is_left_out_and_of_many_the_image(tmp_path, off, n_spots, n_images):
    said = []
    request = Request(path=write_h5ad(tmp_path / "a.h5ad", many_spots(off)), sample="S", warn=said.append)
    result = read_slice(request)
    assert result.n_obs == n_spots
    assert len(result.uns.get("spatial", {}).get("S", {}).get("images", {})) == n_images
    assert len([line for line in said if "image" in line]) == (off > 0)


@pytest.mark.parametrize(
    ("images", "factors", "words"),
    [
        ({"hires": PLAIN}, {}, "hires has no usable scale factor tissue_hires_scalef"),
        ({"hires": PLAIN}, {"tissue_hires_scalef": np.nan}, "hires has no usable scale factor"),
        (
            {"hires": np.zeros((5, 60, 110))},
            {"tissue_hires_scalef": 0.5},
            "hires: an image has shape (5, 60, 110)",
        ),
        (
            {"hires": np.full((60, 110, 3), -1)},
            {"tissue_hires_scalef": 0.5},
            "an image has values from -1 to -1",
        ),
        (
            {"hires": np.zeros((60, 110, 3), np.uint8), "lowres": np.zeros((60, 110, 3), np.uint8)},
            {"tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.1},
            "contradict each other, hires to 220 x 120 and lowres to 1100 x 600 pixels",
        ),
    ],
)
def test_an_odd_image_in_an_h5ad_is_left_out_with_a_warning(tmp_path, images, factors, words):
    adata, said = tiny_anndata(), []
    adata.uns["spatial"] = {
        "x": {"images": images, "scalefactors": {"spot_diameter_fullres": 5.0, **factors}}
    }
    request = Request(path=write_h5ad(tmp_path / "a.h5ad", adata), sample="S", warn=said.append)
    assert "spatial" not in read_slice(request).uns
    assert any(words in line for line in said)
