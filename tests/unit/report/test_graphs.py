"""The chapter on graphs names slices in pieces."""

from types import SimpleNamespace

from tissuegraph.report.graphs import sections


def outcome(name: str, components: int, largest: float):
    graph = {"distribution": [[6, 100.0]], "components": components, "largest": largest}
    return SimpleNamespace(sample=name, metrics={"degrees": {"spatial": graph, "feature": graph}})


def test_slices_in_pieces_are_named_and_strays_are_not():
    outcomes = [outcome("a<b", 3, 0.61), outcome("whole", 1, 1.0), outcome("strays", 4, 0.998)]
    described = sections(outcomes, {})[0].description
    assert "a&lt;b (3 pieces, the largest has 61% of the spots)" in described
    assert "whole" not in described
    assert "strays" not in described


def test_many_slices_in_pieces_are_counted():
    described = sections([outcome(f"s{i}", 2, 0.5) for i in range(11)], {})[0].description
    assert "s7" in described
    assert "s8" not in described
    assert described.endswith("and 3 more.")


def test_whole_slices_need_no_words():
    assert sections([outcome("whole", 1, 1.0)], {})[0].description == ""
