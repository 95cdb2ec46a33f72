"""SliceArrays: what goes in comes out, and what does not fit together is refused in words."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.slices.arrays import SliceArrays

CHAIN = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)  # 0 - 1 - 2


def three_spots(**changes):
    fields = {
        "counts": sparse.csr_matrix([[1.0, 0, 3, 0], [0, 2, 0, 0], [0, 0, 0, 5]]),
        "features": np.arange(6.0).reshape(3, 2),
        "depth": np.array([10, 20, 30]),
        "position": np.array([[0.0, 0], [1, 0], [2, 0]]),
        "spatial": sparse.csr_matrix(CHAIN),
        "feature": sparse.csr_matrix(CHAIN),
        "genes": ["A", "B", "C", "Dα"],
        "pitch": 1,
    }
    return SliceArrays(**(fields | changes))


@pytest.mark.parametrize("features", [np.eye(3), sparse.csr_matrix(np.eye(3))], ids=["dense", "csr"])
def test_save_then_load_gives_the_same_values_and_types(tmp_path, features):
    before = three_spots(features=features)
    path = tmp_path / "arrays.npz"
    before.save(path)
    after = SliceArrays.load(path)
    for field in dataclasses.fields(SliceArrays):
        old, new = getattr(before, field.name), getattr(after, field.name)
        assert type(old) is type(new), field.name
        if sparse.issparse(old):
            assert old.dtype == new.dtype
            assert (old != new).nnz == 0, field.name
        else:
            np.testing.assert_array_equal(old, new)


def test_types_are_the_documented_ones():
    arrays = three_spots()
    assert arrays.counts.dtype == arrays.features.dtype == arrays.depth.dtype == np.float32
    assert arrays.position.dtype == np.float64
    assert arrays.spatial.dtype == arrays.feature.dtype == np.bool_
    assert (arrays.n_spots, arrays.n_genes) == (3, 4)


def test_the_file_name_is_kept_as_given(tmp_path):
    three_spots().save(tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth": np.ones(2)}, r"depth must have shape \(3,\).*got \(2,\)"),
        ({"genes": ["A"]}, r"genes must have shape \(4,\)"),
        ({"features": np.ones((2, 2))}, r"one row per spot \(3\)"),
        ({"position": np.array([[0, 0], [1, np.nan], [2, 0]])}, "position must be finite"),
        ({"spatial": sparse.csr_matrix(np.triu(CHAIN))}, "spatial graph must be symmetric"),
        (
            {"feature": sparse.csr_matrix(CHAIN | np.eye(3, dtype=bool))},
            "feature graph must have a zero diag",
        ),
        ({"pitch": 0}, "pitch must be a positive distance"),
        ({"counts": sparse.csr_matrix((3, 0))}, "at least one spot and one gene, got 3 x 0"),
    ],
)
def test_arrays_that_do_not_fit_are_named(changes, words):
    with pytest.raises(InputError, match=words):
        three_spots(**changes)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04truncated"])
def test_a_damaged_file_is_refused_with_the_remedy(tmp_path, content):
    path = tmp_path / "arrays.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"holds no slice arrays that can be read"):
        SliceArrays.load(path)
