"""Volcano plots: names of genes that would lie on each other move apart."""

from itertools import pairwise

import numpy as np
import pytest

from tissuegraph.figures.volcano import Volcano, lowered, volcano_figure


def test_names_move_down_only_as_far_as_the_one_above_makes_them():
    down = lowered(np.array([100.0, 99.0, 80.0, 79.0, 10.0]), 7.0)
    assert down == pytest.approx([0, 6, 0, 6, 0])
    assert lowered(np.array([]), 7.0).size == 0


def test_names_of_found_genes_do_not_overlap_on_either_side():
    change = np.array([1.0, 1.02, 1.01, -1.0, -1.01, 0.1])
    given = Volcano(
        title="domain 1",
        change=change,
        p=np.array([1e-9, 1.1e-9, 1.2e-9, 1e-9, 1.1e-9, 0.5]),
        found=np.abs(change) > 0.5,
        genes=np.array([f"GENE{k}" for k in range(6)]),
    )
    figure = volcano_figure([given], "group", 0.1)
    figure.canvas.draw()
    names = [text for text in figure.axes[0].texts if text.get_text()]
    assert len(names) == 5
    boxes = [text.get_window_extent() for text in names]
    for side in (boxes[:3], boxes[3:]):
        tops = sorted((box.y1, box.y0) for box in side)
        assert all(above[1] > below[1] + 8 for below, above in pairwise(tops))
