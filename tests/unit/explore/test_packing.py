"""Arrays and texts of a page: levels computed by hand, nothing lost, nothing that ends a script."""

import base64
import gzip
import json

import numpy as np
import pytest

from tissuegraph.explore.packing import BYTE, WORD, category_codes, packed, quantised, script_json


def test_values_become_the_nearest_of_254_steps():
    found = quantised(np.array([0.0, 1.0, 2.54, 0.014, 0.016, np.nan]), BYTE)
    assert (found.low, found.high) == (0.0, 2.54)  # a step is 0.01
    assert found.codes.tolist() == [0, 100, 254, 1, 2, 255]
    assert found.codes.dtype == BYTE


def test_the_error_is_at_most_half_a_step():
    values = np.random.default_rng(0).normal(size=1000)
    for kind, levels in ((BYTE, 254), (WORD, 65534)):
        found = quantised(values, kind)
        back = found.low + found.codes / levels * (found.high - found.low)
        assert np.abs(back - values).max() <= (found.high - found.low) / levels / 2 + 1e-12


def test_values_without_range_are_the_lowest_code():
    assert quantised(np.array([3.0, 3.0]), BYTE).codes.tolist() == [0, 0]
    nothing = quantised(np.array([np.nan, np.inf]), WORD)
    assert (nothing.codes.tolist(), nothing.low, nothing.high) == ([65535, 65535], 0.0, 0.0)


@pytest.mark.parametrize(("number", "kind", "missing"), [(254, BYTE, 255), (255, WORD, 65535)])
def test_categories_keep_their_codes_and_missing_is_the_largest(number, kind, missing):
    codes = category_codes(np.array([0, number - 1, -1]), number)
    assert codes.dtype == kind
    assert codes.tolist() == [0, number - 1, missing]


def test_packed_arrays_are_little_endian_bytes_and_the_same_each_time():
    text = packed(np.array([1, 258], dtype=WORD))
    assert gzip.decompress(base64.b64decode(text)) == bytes([1, 0, 2, 1])
    assert text == packed(np.array([1, 258], dtype=WORD))


def test_json_in_a_script_cannot_end_it_and_reads_back():
    names = {"</script>": ["<!--", "a & b", "Ü\u2028", '"quoted"', "$1 \\"]}
    text = script_json(names)
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == names
