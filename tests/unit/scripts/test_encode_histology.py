"""encode_histology.py: features of each kept spot's tile, as the engine asks for them."""

import gzip

import numpy as np
from helpers.scripts import run_script
from helpers.tiny import BARCODES, write_outs, write_png

from tissuegraph.histology.features import ImageFeatures
from tissuegraph.records import read_record


def encode(folder, *options):
    """Ingest the slice in `folder`/outs, keep its first and last spot, encode; the record."""
    words = ["--sample", "S", "--path", "outs", "--slice", "slice.h5ad", "--record", "ingest.json"]
    done = run_script("ingest", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = [f"{barcode},{kept}" for barcode, kept in zip(BARCODES, (True, False, True), strict=True)]
    table = "\n".join(["barcode,keep", *rows]) + "\n"
    (folder / "spots.csv.gz").write_bytes(gzip.compress(table.encode()))
    words = ["--sample", "S", "--slice", "slice.h5ad", "--spots", "spots.csv.gz", "--encoder", "colour"]
    words += ["--stain-method", "none", "--features", "features.npz", "--record", "record.json", *options]
    done = run_script("encode_histology", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return read_record(folder / "record.json")


def test_each_kept_spot_has_the_colour_of_its_tile_and_an_even_tile_no_spread(tmp_path):
    outs = write_outs(tmp_path / "outs")
    for size, shape in {"hires": (100, 120), "lowres": (20, 24)}.items():  # as their scale factors say
        write_png(outs / "spatial" / f"tissue_{size}_image.png", shape)
    record = encode(tmp_path)
    features = ImageFeatures.load(tmp_path / "features.npz").features
    assert len(features) == record.metrics["n_spots"] == 2
    np.testing.assert_allclose(features[1], [200 / 255] * 3 + [0] * 3, atol=1e-3)  # of 200 everywhere
    assert (record.metrics["encoder"], record.metrics["source"]) == ("colour", "hires")


def test_a_slice_without_image_is_no_reason_for_a_warning_and_gets_no_file(tmp_path):
    write_outs(tmp_path / "outs", images=())
    record = encode(tmp_path)
    assert record.status == "passed"
    assert record.notes == ["the slice has no histology image: it is analysed by its genes alone"]
    assert not (tmp_path / "features.npz").exists()
