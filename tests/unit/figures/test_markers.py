"""Figures of genes over domains: what is drawn where, and that every size is whole pixels."""

import numpy as np
import pytest
from PIL import Image

from tissuegraph.figures.markers import GeneMap, Panel, dot_figure, gene_figure, heat_figure
from tissuegraph.figures.save import save
from tissuegraph.figures.tissue import Tissue


def panel(n_domains=3, n_genes=7, names=None):
    rng = np.random.default_rng(0)
    return Panel(
        genes=[f"GENE{k}" for k in range(n_genes)],
        owner=np.arange(n_genes) * n_domains // n_genes,
        mean=rng.random((n_domains, n_genes)),
        share=np.linspace(0, 1, n_domains * n_genes).reshape(n_domains, n_genes),
        names=names or [str(k + 1) for k in range(n_domains)],
        colours=["#0072B2", "#E69F00", "#009E73", "#F0E442"][:n_domains],
    )


def test_means_are_scaled_per_gene_and_a_constant_gene_is_lowest_everywhere():
    given = panel()
    given.mean[:, 2] = 5
    assert given.scaled.min(axis=0) == pytest.approx(np.zeros(7))
    assert np.delete(given.scaled.max(axis=0), 2) == pytest.approx(np.ones(6))
    assert (given.scaled[:, 2] == 0).all()


def test_the_area_of_a_dot_is_the_share_of_spots():
    given = panel()
    dots = dot_figure(given).axes[0].collections[0]
    assert dots.get_sizes() / dots.get_sizes().max() == pytest.approx(given.share.ravel())
    assert [label.get_text() for label in dots.axes.get_yticklabels()] == list(given.genes)


@pytest.mark.parametrize("draw", [dot_figure, heat_figure])
@pytest.mark.parametrize("names", [None, ["White matter, deep", "$x$", "a" * 40]])
def test_pictures_are_written_with_names_of_any_length(tmp_path, draw, names):
    figure = draw(panel(names=names))
    assert (np.array(figure.get_size_inches()) * 200 % 1 == 0).all()  # else rows of pixels are shifted
    png, svg = save(figure, tmp_path / "f")
    assert Image.open(png).size[0] == figure.get_figwidth() * 200
    assert "GENE6" in svg.read_text()


def test_a_map_has_a_panel_per_gene_also_where_few_spots_have_it():
    rng = np.random.default_rng(1)
    position = rng.random((300, 2)) * 1000
    rare = np.zeros(300)
    rare[7] = 2.0
    figure = gene_figure(Tissue(position), [GeneMap("A", rng.random(300), "note"), GeneMap("B", rare)])
    panels, last_bar = figure.axes[:2], figure.axes[-1]
    assert [len(ax.collections) for ax in panels] == [1, 1]
    assert last_bar.get_xlim() == pytest.approx((0, 2))
