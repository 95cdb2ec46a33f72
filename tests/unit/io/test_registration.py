"""Spots land on the pixels they belong to, or the slice is refused with the numbers."""

import json
import re

import numpy as np
import pytest

from tissuegraph.errors import InputError
from tissuegraph.io.registration import check_inside, from_scale, read_matrix

XY = np.array([[0.0, 0.0], [100.0, 50.0]])
# image pixels to spots: a quarter turn, twice as large
TURNED = np.array([[0.0, -2.0, 300.0], [2.0, 0.0, 40.0], [0.0, 0.0, 1.0]])


def test_a_scale_factor_scales():
    registration = from_scale(0.25)
    np.testing.assert_allclose(registration.apply(XY), XY / 4)
    assert registration.scale == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "0,-2,300\n2,0,40\n0,0,1\n"),
        ("a.txt", "0 -2 300\n2 0 40\n0 0 1"),
        ("a.txt", "[[0, -2, 300], [2, 0, 40], [0, 0, 1]]"),
        ("a.csv", "﻿0;-2;300;\n2;0;40;\n0;0;1;\n"),
        ("a.json", json.dumps(TURNED.tolist())),
        ("a.json", json.dumps(TURNED.ravel().tolist())),
    ],
)
def test_a_matrix_maps_image_pixels_to_spots_and_is_inverted(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    registration = read_matrix(tmp_path / name)
    # image pixel (x 5, y 60) lies at (0*5 - 2*60 + 300, 2*5 + 40) = (180, 50)
    np.testing.assert_allclose(registration.apply(np.array([[180.0, 50.0]])), [[5.0, 60.0]])
    assert registration.scale == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1,0,0\n0,1,0\n", "9 numbers of a 3 x 3 matrix, got 6"),
        ("1,0,0\n0,1,0\n5,0,1\n", "must be 0 0 1, got 5 0 1"),
        ("1,2,0\n2,4,0\n0,0,1\n", "cannot be inverted"),
        ("1,0,nan\n0,1,0\n0,0,1\n", "finite"),
        ("a,b,c\n", "9 numbers and nothing else"),
    ],
)
def test_a_matrix_that_registers_nothing_is_refused(tmp_path, text, complaint):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError, match=re.escape(complaint)):
        read_matrix(tmp_path / "m.csv")


def test_a_missing_matrix_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=re.escape("none.csv does not exist")):
        read_matrix(tmp_path / "none.csv")


def test_spots_outside_the_image_are_refused_with_the_numbers():
    check_inside(XY, (100, 50), "a.tif", pytest.fail)
    with pytest.raises(InputError, match=re.escape("y 0 to 50) fall outside its 99 x 50 pixels")):
        check_inside(XY, (99, 50), "a.tif", pytest.fail)
    with pytest.raises(InputError, match="fall outside"):
        check_inside(XY - 1, (200, 200), "a.tif", pytest.fail)


def test_reducing_the_image_reduces_the_registration():
    np.testing.assert_allclose(from_scale(0.5).scaled(0.1).apply(XY), XY / 20)
