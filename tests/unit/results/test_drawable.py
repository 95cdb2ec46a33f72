"""An h5ad that scanpy draws as it is, whatever the slice came with."""

import anndata
import numpy as np
import pytest

from tissuegraph.io.h5ad_images import read_images
from tissuegraph.io.hdf5 import open_hdf5
from tissuegraph.results.drawable import drawable

XY = np.array([[100.0, 50.0], [900.0, 50.0], [500.0, 1900.0]])
PICTURE = np.random.default_rng(0).integers(0, 255, (20, 10, 3)).astype(np.uint8)


def test_without_an_image_an_empty_one_holds_every_spot():
    found = drawable({}, XY, 100.0)
    image, scale = found["images"]["hires"], found["scalefactors"]["tissue_hires_scalef"]
    assert image.shape == (100, 50, 3)  # spots reach to 900 x 1900, and a pitch beyond
    assert scale == pytest.approx(100 / 2000)
    assert (XY * scale < image.shape[1::-1]).all()
    assert found["scalefactors"]["spot_diameter_fullres"] == pytest.approx(55)


def test_lowres_alone_stands_under_both_names_with_its_own_scale():
    factors = {"tissue_lowres_scalef": 0.01, "tissue_hires_scalef": 0.15, "spot_diameter_fullres": 7.0}
    found = drawable({"images": {"lowres": PICTURE}, "scalefactors": factors}, XY, 100.0)
    assert (found["images"]["hires"] == found["images"]["lowres"]).all()
    assert found["scalefactors"] == {**factors, "tissue_hires_scalef": 0.01}


def test_a_complete_library_stays_as_it_is():
    library = {
        "images": {"hires": PICTURE},
        "scalefactors": {"tissue_hires_scalef": 0.1, "spot_diameter_fullres": 7.0},
    }
    assert drawable(library, XY, 100.0) == library


def test_the_empty_picture_is_no_image_of_the_next_run(tmp_path):
    data = anndata.AnnData(
        np.ones((3, 2)), obsm={"spatial": XY}, uns={"spatial": {"s": drawable({}, XY, 100.0)}}
    )
    data.write_h5ad(tmp_path / "a.h5ad")
    said = []
    with open_hdf5(tmp_path / "a.h5ad") as file:
        images, _ = read_images(file, "s", {}, said.append)
    assert (images, said) == ({}, [])
