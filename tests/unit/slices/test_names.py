"""Names as people read them."""

import pytest

from tissuegraph.slices.names import natural, plain


@pytest.mark.parametrize("other", ["tumour", " Tu mour", "TUMOUR\u00a0", "\uff34umour"])
def test_names_that_look_alike_are_plainly_equal(other):
    assert plain(other) == plain("Tumour")


def test_one_letter_in_two_encodings_is_one_letter():
    assert plain("Ba\u0308uche") == plain("B\u00e4uche")
    assert plain("Tumour 1") != plain("Tumour 2")


def test_numbers_in_names_count():
    assert sorted(["L10", "L2", "WM"], key=natural) == ["L2", "L10", "WM"]
