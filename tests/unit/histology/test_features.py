"""Row i of the features is what lies around spot i, for any number of workers and any order of spots."""

import gzip
import hashlib
import json
import re
import time
from dataclasses import fields, replace

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from PIL import Image

import encode_histology
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.histology.encode import Options, encode_slice, encode_spots
from tissuegraph.histology.encoders import Encoder, load_encoder
from tissuegraph.histology.encoders.colour import ColourEncoder
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.histology.slide import array_slide, open_slide
from tissuegraph.histology.source import Picture, find_picture
from tissuegraph.io.canonical import RawSlice, to_canonical
from tissuegraph.io.registration import from_scale

PITCH = 20
COLUMNS, ROWS = 20, 15


def numbered_slide(scale: int = 1) -> np.ndarray:
    """Around spot n of the grid all pixels have red n // 16 and green n % 16 (times 16)."""
    number = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    squares = np.stack([number // 16, number % 16 * 16, np.zeros_like(number)], axis=-1).astype(np.uint8)
    return squares.repeat(PITCH // scale, axis=0).repeat(PITCH // scale, axis=1)


def numbered_spots(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (N,) in random order, and where these spots lie, (N, 2)."""
    number = np.random.default_rng(seed).permutation(ROWS * COLUMNS)
    xy = np.stack([number % COLUMNS, number // COLUMNS], axis=1) * PITCH + PITCH / 2.0
    return number, xy


def seen_number(features: np.ndarray) -> np.ndarray:
    """The number that a colour encoder saw."""
    red, green = np.rint(features[:, :2] * 255).astype(int).T
    return red * 16 + green // 16


class Sluggish(ColourEncoder):
    """Takes the longer, the smaller the number of the first spot: batches finish in another order."""

    def __init__(self, in_threads: bool):
        self.runs_in_threads = in_threads
        self.finished = []

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        features = super().encode(tiles)
        first = int(seen_number(features)[0])
        time.sleep(0.03 if first // 16 % 3 == 0 else 0.0)
        self.finished.append(first)
        return features


@pytest.mark.parametrize("in_threads", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_row_belongs_to_its_spot_for_any_number_of_workers(tmp_path, workers, in_threads):
    tifffile.imwrite(tmp_path / "a.tif", numbered_slide(), tile=(64, 64), photometric="rgb")
    number, xy = numbered_spots(seed=workers)
    encoder = Sluggish(in_threads)
    with open_slide(tmp_path / "a.tif") as slide:
        features = encode_spots(slide, xy, PITCH * 0.8, encoder, Options(workers=workers, batch=8))
    np.testing.assert_array_equal(seen_number(features), number)


def test_batches_do_finish_in_another_order_than_they_were_sent():
    _, xy = numbered_spots()
    sent, shuffled = Sluggish(True), Sluggish(True)
    for encoder, workers in ((sent, 1), (shuffled, 4)):
        encode_spots(array_slide(numbered_slide(), "a"), xy, 16.0, encoder, Options(workers=workers, batch=8))
    assert sorted(sent.finished) == sorted(shuffled.finished)
    assert sent.finished != shuffled.finished


@pytest.mark.parametrize("name", ["colour", "handcrafted"])
def test_the_number_of_workers_changes_no_bit_and_the_batch_only_the_rounding(name):
    rng, encoder = np.random.default_rng(0), load_encoder(name)
    slide = array_slide(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8), "noise")
    xy = rng.random((41, 2)) * (400, 300)
    plain = encode_spots(slide, xy, 33.3, encoder, Options(batch=8))
    for workers in (2, 4):
        again = encode_spots(slide, xy, 33.3, encoder, Options(workers=workers, batch=8))
        np.testing.assert_array_equal(again, plain)
    for batch in (1, 7, 1000):
        again = encode_spots(slide, xy, 33.3, encoder, Options(batch=batch))
        np.testing.assert_allclose(again, plain, rtol=1e-4, atol=1e-4)


def test_permuting_the_spots_permutes_the_rows():
    rng = np.random.default_rng(0)
    slide = array_slide(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8), "noise")
    xy, order = rng.random((64, 2)) * (400, 300), rng.permutation(64)
    plain = encode_spots(slide, xy, 20.0, ColourEncoder(), Options(workers=2, batch=8))
    permuted = encode_spots(slide, xy[order], 20.0, ColourEncoder(), Options(workers=2, batch=8))
    np.testing.assert_array_equal(permuted, plain[order])


def test_context_rings_add_crops_of_twice_and_three_times_the_side():
    image = np.full((120, 120, 3), 255, np.uint8)
    image[50:70, 50:70] = 0
    xy = np.array([[60.0, 60.0]])
    features = encode_spots(array_slide(image, "a"), xy, 20.0, ColourEncoder(), Options(context_rings=2))
    assert features.shape == (1, 18)
    np.testing.assert_allclose(features[0, [0, 6, 12]], [0, 3 / 4, 8 / 9], atol=0.01)


def test_an_encoder_that_gives_nan_is_refused():
    class Broken(ColourEncoder):
        def encode(self, tiles):
            return np.full((len(tiles), 6), np.nan, np.float32)

    with pytest.raises(InputError, match="not finite, first for spot number 1"):
        encode_spots(array_slide(numbered_slide(), "a"), numbered_spots()[1], 9.0, Broken(), Options())


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"batch": 0}, {"context_rings": -1}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} must be at least"):
        Options(**wrong)


def some_features(encoder: Encoder | None = None) -> ImageFeatures:
    _, xy = numbered_spots()
    picture = Picture(array_slide(numbered_slide(), "a"), from_scale(1.0), "full")
    return encode_slice(picture, xy, 16.0, encoder or ColourEncoder(), Options(tile_um=80.0))[0]


def test_features_survive_being_saved(tmp_path):
    encoder = ColourEncoder()
    encoder.weights_sha256 = "ab12"  # as a network has it
    features = some_features(encoder)
    features.save(tmp_path / "features.npz")
    again = ImageFeatures.load(tmp_path / "features.npz")
    for field in fields(features):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(features, field.name))
    assert (again.encoder, again.weights_sha256) == ("colour", "ab12")
    assert (again.tile_um, again.tile_px) == (80.0, 16.0)
    assert again.tiles_before.shape == (len(again.shown), 64, 64, 3)


def test_the_tiles_that_are_shown_belong_to_the_spots_named():
    number, _ = numbered_spots()
    features = some_features()
    seen = seen_number(ColourEncoder().encode(features.tiles_before))
    np.testing.assert_array_equal(seen, number[features.shown])


def test_positions_on_the_overview_follow_the_registration():
    number, xy = numbered_spots()
    wide = numbered_slide().repeat(4, axis=0).repeat(4, axis=1)
    picture = Picture(array_slide(wide, "a"), from_scale(4.0), "full")  # 1600 x 1200 for 400 x 300
    features, _ = encode_slice(picture, xy, 16.0, ColourEncoder(), Options())
    assert features.overview_before.shape == (600, 800, 3)
    assert features.overview_scale == pytest.approx(2.0)
    x, y = features.on_overview(xy).astype(int).T
    colours = features.overview_before[y, x] / 255.0
    np.testing.assert_array_equal(seen_number(colours), number)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"background": np.zeros(3)}, "background must have shape (300,)"),
        ({"features": np.full((300, 6), np.inf)}, "features must be finite"),
        ({"background": np.full(300, 1.5)}, "shares between 0 and 1"),
        ({"shown": np.array([300] * 16)}, "spots below 300, got 300"),
        ({"tiles_after": np.zeros((2, 4, 4, 3))}, "must show the same 16 spots"),
        ({"features": np.zeros((0, 6))}, "spots x features, got shape (0, 6)"),
    ],
)
def test_features_that_do_not_go_together_are_refused(wrong, complaint):
    with pytest.raises(InputError, match=re.escape(complaint)):
        replace(some_features(), **wrong)


def test_another_file_is_no_features(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="holds no image features"):
        ImageFeatures.load(tmp_path / "a.npz")


def write_slice(folder, images=(), keep=None, um_per_px=None, of=slice(None)):
    """The grid, or some of it, as a canonical slice with spots in random order, and its table of spots."""
    number, xy = (values[of] for values in numbered_spots())
    n = len(number)
    raw = RawSlice(
        platform="h5ad",
        counts=np.ones((n, 2)),
        barcodes=np.array([f"spot{value}" for value in number]),
        gene_ids=np.array(["a", "b"]),
        gene_symbols=np.array(["a", "b"]),
        xy=xy,
        images={name: numbered_slide(scale) for name, scale in images},
        scalefactors={f"tissue_{name}_scalef": 1 / scale for name, scale in images},
        um_per_px=um_per_px,
    )
    to_canonical(raw, "S", print).write_h5ad(folder / "slice.h5ad")
    keep = np.ones(n, bool) if keep is None else keep
    with gzip.open(folder / "spots.csv.gz", "wt") as table:
        table.write("barcode,keep\n")
        table.writelines(f"{barcode},{kept}\n" for barcode, kept in zip(raw.barcodes, keep, strict=True))
    return number[keep], xy[keep]


def run(folder, *options, encoder="colour"):
    arguments = {"sample": "S", "slice": folder / "slice.h5ad", "spots": folder / "spots.csv.gz"}
    arguments |= {"encoder": encoder, "stain-method": "none"}
    arguments |= {"features": folder / "features.npz", "record": folder / "record.json"}
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    result = CliRunner().invoke(encode_histology.main, [*words, *map(str, options)])
    record = json.loads((folder / "record.json").read_text()) if (folder / "record.json").exists() else None
    return result, record


def test_the_step_writes_one_row_per_kept_spot_in_slice_order(tmp_path):
    keep = np.random.default_rng(0).random(ROWS * COLUMNS) < 0.7
    number, _ = write_slice(tmp_path, keep=keep, um_per_px=0.5)
    Image.fromarray(numbered_slide()).save(tmp_path / "a.png")
    result, record = run(tmp_path, "--image", tmp_path / "a.png", "--tile-um", 8, "--workers", 2)
    assert result.exit_code == 0, result.output
    features = ImageFeatures.load(tmp_path / "features.npz")
    np.testing.assert_array_equal(seen_number(features.features), number)
    assert (record["status"], record["metrics"]["source"]) == ("passed", "full")
    assert record["metrics"]["tile_px"] == 16  # 8 um at 0.5 um per pixel
    assert record["metrics"]["n_spots"] == keep.sum()


def test_features_say_which_scale_and_stain_made_them(tmp_path):
    write_slice(tmp_path, um_per_px=0.5)
    Image.fromarray(numbered_slide()).save(tmp_path / "a.png")
    options = ("--stain-method", "reinhard", "--stain-reference", tmp_path / "a.png")
    _, record = run(tmp_path, "--image", tmp_path / "a.png", "--tile-um", 8, *options)
    made = ImageFeatures.load(tmp_path / "features.npz")
    assert (made.tile_um, made.um_per_px, made.um_per_px_source) == (8, 0.5, "platform")
    assert made.scale_is_known
    digest = hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert (made.stain_method, made.stain_reference_sha256) == ("reinhard", digest)
    for name in ("um_per_px", "um_per_px_source", "stain_method", "stain_reference_sha256"):
        assert record["metrics"][name] == getattr(made, name)


def test_a_tile_of_known_scale_is_as_wide_however_far_apart_the_spots_lie(tmp_path):
    """Every second row and column of a slice has the features that the whole slice has there."""
    Image.fromarray(numbered_slide()).save(tmp_path / "a.png")
    _, xy = write_slice(tmp_path, um_per_px=0.5)
    run(tmp_path, "--image", tmp_path / "a.png", "--tile-um", 8)
    dense = ImageFeatures.load(tmp_path / "features.npz")
    sparse = (xy // 20 % 2 == 0).all(axis=1)
    (tmp_path / "sparse").mkdir()
    write_slice(tmp_path / "sparse", um_per_px=0.5, of=sparse)
    run(tmp_path / "sparse", "--image", tmp_path / "a.png", "--tile-um", 8)
    made = ImageFeatures.load(tmp_path / "sparse" / "features.npz")
    assert (made.n_spots, made.side_px) == (sparse.sum(), 16)
    np.testing.assert_array_equal(made.features, dense.features[sparse])


def test_features_say_where_the_spacing_of_spots_stood_in_for_the_scale(tmp_path):
    write_slice(tmp_path)
    Image.fromarray(numbered_slide()).save(tmp_path / "a.png")
    _, record = run(tmp_path, "--image", tmp_path / "a.png")
    made = ImageFeatures.load(tmp_path / "features.npz")
    assert not made.scale_is_known
    assert (made.um_per_px_source, made.side_px) == ("", 20)  # the pitch
    assert record["metrics"]["um_per_px"] is None


@pytest.mark.parametrize(
    ("images", "kind"), [([("lowres", 4), ("hires", 2)], "hires"), ([("lowres", 2)], "lowres")]
)
def test_without_an_image_the_best_one_of_the_slice_is_read(tmp_path, images, kind):
    number, _ = write_slice(tmp_path, images=images)
    result, record = run(tmp_path, "--tile-um", 80)
    assert result.exit_code == 0, result.output
    assert record["metrics"]["source"] == kind
    features = ImageFeatures.load(tmp_path / "features.npz")
    assert (features.side_px, features.tile_px) == (16, 8)  # 80 um, where a pitch of 20 pixels is 100 um
    np.testing.assert_array_equal(seen_number(ImageFeatures.load(tmp_path / "features.npz").features), number)


def test_a_matrix_registers_an_image_that_is_turned(tmp_path):
    number, _ = write_slice(tmp_path)
    turned = np.rot90(numbered_slide())  # image x = y, image y = 400 - x
    Image.fromarray(turned).save(tmp_path / "a.png")
    (tmp_path / "m.csv").write_text("0,-1,400\n1,0,0\n0,0,1\n")  # x = 400 - image y, y = image x
    result, record = run(
        tmp_path, "--image", tmp_path / "a.png", "--image-matrix", tmp_path / "m.csv", "--tile-um", 80
    )
    assert result.exit_code == 0, result.output
    assert "micrometres per pixel are unknown" in record["notes"][0]
    np.testing.assert_array_equal(seen_number(ImageFeatures.load(tmp_path / "features.npz").features), number)


def test_a_slice_without_any_image_passes_with_a_note_and_gets_no_features(tmp_path):
    write_slice(tmp_path)
    result, record = run(tmp_path)
    assert result.exit_code == 0
    assert record["status"] == "passed"
    assert "no histology image" in record["notes"][0]
    assert not (tmp_path / "features.npz").exists()


def test_spots_outside_the_image_fail_the_slice_with_the_numbers(tmp_path):
    write_slice(tmp_path)
    Image.fromarray(numbered_slide()[:100]).save(tmp_path / "a.png")
    result, record = run(tmp_path, "--image", tmp_path / "a.png")
    assert result.exit_code == 0
    assert record["status"] == "failed"
    assert "(x 10 to 390, y 10 to 290) fall outside its 400 x 100 pixels" in record["reasons"][0]
    assert not (tmp_path / "features.npz").exists()


@pytest.mark.parametrize("encoder", ["nonsense", "uni"])
def test_a_wrong_encoder_stops_the_run(tmp_path, encoder):
    pytest.importorskip("torch")
    write_slice(tmp_path)
    result, record = run(tmp_path, encoder=encoder)
    assert result.exit_code == 2
    assert encoder in result.output
    assert record is None


def test_tiles_of_few_pixels_are_warned_about(tmp_path):
    write_slice(tmp_path, images=[("lowres", 4)], um_per_px=1.0)
    _, record = run(tmp_path, "--tile-um", 20)
    assert record["reasons"] == [
        "a tile is 5.0 pixels wide in the lowres image: it shows colour and hardly any texture; give the "
        "full-resolution image in the column image"
    ]


def test_a_matrix_without_image_is_refused(tmp_path):
    _, xy = write_slice(tmp_path)
    with pytest.raises(InputError, match="no image is given"):
        find_picture(tmp_path / "slice.h5ad", xy, None, tmp_path / "m.csv")
