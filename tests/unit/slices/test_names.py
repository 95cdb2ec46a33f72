"""Names in the order that people expect."""

from tissuegraph.slices.names import natural


def test_numbers_in_names_count():
    assert sorted(["L10", "L2", "WM"], key=natural) == ["L2", "L10", "WM"]
