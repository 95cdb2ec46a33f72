"""Regions of a slide have the right pixels at any resolution, and a large slide is never read whole."""

import re

import numpy as np
import pytest
import tifffile
from PIL import Image

from tissuegraph.errors import InputError
from tissuegraph.histology import slide as slides
from tissuegraph.histology.slide import BlockCache, Slide, array_slide, open_slide
from tissuegraph.io import images, pixels


def gradient(width: int, height: int, step: int = 1) -> np.ndarray:
    """Red says x, green says y (in units of 8 pixels of the finest level), blue says the level."""
    x, y = np.arange(width) * step // 8, np.arange(height) * step // 8
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = x[None] % 256, y[:, None] % 256, 10 * step
    return image


def write_pyramid(path, width=1024, height=768, **options):
    """Three levels in SubIFDs, as OME-TIFF has them."""
    options = {"tile": (128, 128), "photometric": "rgb"} | options
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(gradient(width, height), subifds=2, **options)
        for step in (2, 4):
            file.write(gradient(width // step, height // step, step), subfiletype=1, **options)
    return path


def write_svs(path, width=1024, height=768):
    """A baseline, a thumbnail and a smaller level one after the other, as Aperio's scanners write them."""
    with tifffile.TiffWriter(path) as file:
        for step, tiled in ((1, True), (8, False), (4, True)):
            file.write(
                gradient(width // step, height // step, step),
                description="Aperio Image Library v11.2.1 \r\n1024x768 |AppMag = 20|MPP = 0.5",
                photometric="rgb",
                metadata=None,
                **({"tile": (128, 128)} if tiled else {"rowsperstrip": 16}),
            )
    return path


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tiff", "a.btf"])
def test_a_pyramid_in_subifds_is_read_at_the_level_that_is_fine_enough(tmp_path, name):
    with open_slide(write_pyramid(tmp_path / name)) as slide:
        assert slide.size == (1024, 768)
        assert [level.size for level in slide.levels] == [(1024, 768), (512, 384), (256, 192)]
        for out, level in (((128, 128), 1), ((127, 127), 1), ((64, 64), 2), ((50, 50), 2), ((20, 20), 4)):
            assert (slide.read_region(256, 128, 128, 128, out)[..., 2] == 10 * level).all()


def test_the_pages_of_an_svs_are_its_levels(tmp_path):
    with open_slide(write_svs(tmp_path / "a.svs")) as slide:
        assert [level.size for level in slide.levels][:2] == [(1024, 768), (256, 192)]
        np.testing.assert_array_equal(
            slide.read_region(200, 300, 64, 32, (64, 32)), gradient(1024, 768)[300:332, 200:264]
        )


def write_pictures(path, *sizes, **options):
    """Pictures of these sizes (width, height) one after the other, each a series of its own."""
    with tifffile.TiffWriter(path, **options) as file:
        for size in sizes:
            file.write(gradient(*size), photometric="rgb")
    return path


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif"])
@pytest.mark.parametrize("sizes", [[(300, 100), (512, 384), (60, 40)], [(512, 384), (60, 40)]])
def test_the_largest_picture_of_a_file_is_the_section_wherever_it_stands(tmp_path, name, sizes):
    path = write_pictures(tmp_path / name, *sizes, ome=name == "a.ome.tif")
    assert images.image_size(path) == (512, 384)
    np.testing.assert_array_equal(images.read_rgb(path), gradient(512, 384))
    with open_slide(path) as slide:
        assert slide.size == (512, 384)
        np.testing.assert_array_equal(
            slide.read_region(200, 300, 64, 32, (64, 32)), gradient(512, 384)[300:332, 200:264]
        )


def test_the_macro_image_of_a_scanner_is_not_the_section_even_where_it_is_larger(tmp_path):
    """A region cut out of an Aperio scan keeps the label and macro image of the whole glass."""
    path, about = tmp_path / "a.svs", "Aperio Image Library v11.2.1 \r\n"
    extra = {"label": (250, 200, 1), "macro": (600, 200, 9)}  # size and NewSubfileType, as Aperio writes them
    with tifffile.TiffWriter(path) as file:
        options = {"photometric": "rgb", "metadata": None}
        file.write(gradient(256, 192), tile=(64, 64), description=f"{about}256x192|MPP = 0.5", **options)
        file.write(gradient(64, 48), rowsperstrip=16, description=about, **options)
        for name, (width, height, kind) in extra.items():
            text = f"{about}{name} {width}x{height}"
            file.write(
                gradient(width, height), rowsperstrip=16, subfiletype=kind, description=text, **options
            )
    assert images.image_size(path) == (256, 192)
    with open_slide(path) as slide:
        assert slide.size == (256, 192)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (64, 96)},
        {"rowsperstrip": 7},
        {"rowsperstrip": 1, "compression": "zlib"},
        {"planarconfig": "separate", "tile": (64, 64)},
    ],
)
def test_every_layout_of_a_tiff_gives_the_same_pixels(tmp_path, options):
    image = gradient(500, 400)
    stored = np.moveaxis(image, -1, 0) if "planarconfig" in options else image
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
    with open_slide(tmp_path / "a.tif") as slide:
        np.testing.assert_array_equal(slide.read_region(93, 61, 300, 200, (300, 200)), image[61:261, 93:393])


def test_grey_and_16_bit_images_become_8_bit_rgb(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((300, 200), 0x8012, np.uint16), tile=(64, 64))
    with open_slide(tmp_path / "a.tif") as slide:
        assert (slide.read_region(0, 0, 200, 300, (20, 30)) == 0x80).all()


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_png_and_jpeg_are_read(tmp_path, suffix):
    image = np.full((60, 80, 3), (200, 100, 150), np.uint8)
    Image.fromarray(image).save(tmp_path / f"a.{suffix}", quality=95)
    with open_slide(tmp_path / f"a.{suffix}") as slide:
        assert slide.size == (80, 60)
        np.testing.assert_allclose(
            slide.read_region(10, 10, 20, 20, (5, 5)), np.full((5, 5, 3), (200, 100, 150)), atol=3
        )


def test_what_lies_beyond_the_border_is_white():
    slide = array_slide(np.zeros((10, 10, 3), np.uint8), "black")
    region = slide.read_region(-5, 0, 10, 10, (10, 10), "nearest")
    assert (region[:, :5] == 255).all()
    assert (region[:, 5:] == 0).all()
    assert (slide.read_region(50, 50, 10, 10, (4, 4)) == 255).all()


def test_fractions_of_pixels_count():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, 2:] = 200
    region = array_slide(image, "edge").read_region(1.5, 0, 1, 4, (1, 4))
    assert abs(int(region[0, 0, 0]) - 100) <= 1  # half of the pixel is dark, half is bright


def test_a_region_put_together_from_parts_is_the_region_read_at_once(monkeypatch):
    slide = array_slide(gradient(512, 384), "whole")
    whole = slide.read_region(0, 0, 512, 384, (64, 48), "box")
    monkeypatch.setattr(slides, "MAX_REGION", 1 << 12)
    np.testing.assert_array_equal(slide.read_region(0, 0, 512, 384, (64, 48), "box"), whole)


def test_the_overview_keeps_the_shape_and_enlarges_nothing():
    assert array_slide(gradient(512, 384), "a").overview(128).shape == (96, 128, 3)
    assert array_slide(gradient(60, 40), "a").overview(128).shape == (40, 60, 3)


def test_a_tile_decodes_the_blocks_it_touches_and_no_more(tmp_path):
    with open_slide(write_pyramid(tmp_path / "a.tif", 2048, 2048)) as slide:
        cache = slide.levels[0]._cache
        before = cache.n_loaded
        slide.read_region(300, 300, 100, 100, (100, 100))  # inside one block of 256 x 256 pixels
        assert cache.n_loaded == before + 1
        slide.read_region(310, 310, 100, 100, (100, 100))
        assert cache.n_loaded == before + 1
        slide.read_region(500, 500, 100, 100, (100, 100))  # across four, one of them known
        assert cache.n_loaded == before + 4


def test_decoded_blocks_are_forgotten_when_they_get_too_many():
    cache = BlockCache(limit=1000)
    for key in range(50):
        assert len(cache.get(key, lambda: np.zeros(300, np.uint8))) == 300
    assert cache.largest <= 1000
    loaded = cache.n_loaded
    cache.get(49, lambda: np.zeros(300, np.uint8))
    assert cache.n_loaded == loaded


def test_a_large_slide_is_never_held(tmp_path, monkeypatch):
    """16k x 16k pixels are 800 MB; reading tiles everywhere holds less than a twentieth of that."""
    import tracemalloc

    side = 16_384
    tile = np.zeros((512, 512, 3), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        (tile for _ in range((side // 512) ** 2)),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(512, 512),
        compression="zlib",
        photometric="rgb",
    )
    monkeypatch.setattr(slides.BlockCache.__init__, "__defaults__", (8 << 20,))
    with open_slide(tmp_path / "a.tif") as slide:
        tracemalloc.start()
        for x in range(0, side, 2048):
            slide.read_region(x, x, 400, 400, (224, 224))
        slide.read_region(0, 0, side / 2, 2048, (400, 100), "box")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 40e6


def test_one_huge_piece_is_refused_with_the_numbers_and_the_remedy(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", gradient(300, 200), rowsperstrip=200, compression="zlib")
    monkeypatch.setattr(pixels, "MAX_DECODED", 50_000)
    with pytest.raises(InputError, match=re.escape("300 x 200 pixels, at most 50,000")) as error:
        open_slide(tmp_path / "a.tif")
    assert "pyramidal TIFF" in str(error.value)


def test_a_huge_png_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.fromarray(gradient(300, 200)).save(tmp_path / "a.png")
    monkeypatch.setattr(pixels, "MAX_DECODED", 50_000)
    monkeypatch.setattr(images, "picture_to_rgb", lambda *_: pytest.fail("decoded"))
    with pytest.raises(InputError, match=re.escape("a.png has 300 x 200 pixels")):
        open_slide(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.svs", "a.txt"])
def test_damaged_and_missing_files_are_input_errors(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} does not exist"):
        open_slide(tmp_path / name)
    (tmp_path / name).write_bytes(b"no image at all")
    with pytest.raises(InputError, match=f"{name} is not a readable image"):
        open_slide(tmp_path / name)


def test_a_slide_closes_its_file(tmp_path):
    with open_slide(write_pyramid(tmp_path / "a.tif")) as slide:
        assert isinstance(slide, Slide)
    (tmp_path / "a.tif").unlink()


@pytest.mark.parametrize("top", [4095, 65535])
def test_16_bits_of_a_slide_are_scaled_alike_in_every_tile(tmp_path, top):
    """The range is that of the whole slide: a tile without glass stays as dark as it is."""
    values = np.full((600, 800, 3), top // 4, np.uint16)
    values[:50, :50] = top
    tifffile.imwrite(tmp_path / "a.tif", values, tile=(128, 128), photometric="rgb")
    with open_slide(tmp_path / "a.tif") as slide:
        assert (slide.read_region(400, 300, 64, 64, (8, 8)) == 64).all()
        assert (slide.read_region(0, 0, 40, 40, (8, 8)) == 255).all()


def test_a_slide_of_a_palette_has_its_colours(tmp_path):
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 7], colours[:, 3] = np.array([200, 100, 150]) * 257, 65535
    values = np.full((600, 800), 7, np.uint8)
    values[:300] = 3
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, tile=(128, 128), photometric="palette", colormap=colours)
    with open_slide(path) as slide:
        assert (slide.read_region(10, 10, 64, 64, (8, 8)) == 255).all()
        assert (slide.read_region(10, 310, 64, 64, (8, 8)) == (200, 100, 150)).all()


def test_transparent_parts_of_a_slide_are_glass(tmp_path):
    values = np.zeros((600, 800, 4), np.uint8)
    values[:300] = (90, 60, 120, 255)
    tifffile.imwrite(
        tmp_path / "a.tif", values, tile=(128, 128), photometric="rgb", extrasamples=["unassalpha"]
    )
    with open_slide(tmp_path / "a.tif") as slide:
        assert (slide.read_region(10, 310, 64, 64, (8, 8)) == 255).all()
        assert (slide.read_region(10, 10, 64, 64, (8, 8)) == (90, 60, 120)).all()


def test_a_slide_of_many_channels_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((5, 300, 400), np.uint8), metadata={"axes": "CYX"})
    with pytest.raises(InputError, match=r"image a\.ome\.tif: it has 5 channels; expected grey or RGB"):
        open_slide(tmp_path / "a.ome.tif")


def test_a_slide_is_opened_by_what_it_is_and_not_by_its_name(tmp_path):
    write_pyramid(tmp_path / "a.jpg")
    with open_slide(tmp_path / "a.jpg") as slide:
        assert [level.size for level in slide.levels] == [(1024, 768), (512, 384), (256, 192)]


def test_a_damaged_tile_is_an_input_error_when_it_is_read(tmp_path):
    path = write_pyramid(tmp_path / "a.tif", compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        offset, size = tiff.pages[0].dataoffsets[20], tiff.pages[0].databytecounts[20]
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = bytes(size)
    path.write_bytes(content)
    with (
        open_slide(path) as slide,
        pytest.raises(InputError, match=r"image a\.tif is damaged near x 512, y 256"),
    ):
        slide.read_region(520, 260, 100, 100, (100, 100))


def test_a_slide_too_large_to_look_at_is_refused_before_it_is(tmp_path, monkeypatch):
    from tissuegraph.io import tiff

    monkeypatch.setattr(tiff, "MOST_FLAT", 100_000)
    tifffile.imwrite(tmp_path / "a.tif", gradient(400, 300), tile=(128, 128))
    with pytest.raises(InputError, match=r"a\.tif \(400 x 300 pixels\) has no smaller version inside"):
        open_slide(tmp_path / "a.tif")
