"""The panel by mean rank, worked out by hand; and the paper's rule, which stays what it was."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.presets import load_settings
from tissuegraph.spahgc.panel import choose_panel
from tissuegraph.spahgc.slices import HistologySlice

DEFAULT = load_settings("default", method="spahgc").panel
PAPER = load_settings("paper", method="spahgc").panel

# Eight spots with a mean of 2: seurat_v3 then orders genes by their variance alone
WIDE = [0, 4] * 4  # variance 4
BROAD = [0, 4, 0, 4, 1, 3, 1, 3]  # 2.5
MIDDLE = [1, 3] * 4  # 1
SLIGHT = [2] * 6 + [1, 3]  # 0.25
RARE = [8, 8] + [0] * 6  # seen in a quarter of the spots

# The paper's rule on random_references(1, n=3), by n_hvg and n_genes
GOLDEN = {
    (20, None): "g00 g05 g08 g12 g16 g17 g18 g25 g26 g27",
    (25, None): "g00 g01 g02 g04 g05 g06 g07 g08 g12 g14 g15 g16 g17 g18 g20 g21 g25 g26 g27",
    (25, 6): "g05 g08 g18 g25 g26 g27",
}


def reference(name="A", **counts):
    """A slice of the given genes, each a list of counts per spot."""
    matrix = np.array(list(counts.values())).T
    place = np.column_stack([np.arange(len(matrix)), np.zeros(len(matrix))])
    return HistologySlice(
        name=name, patient=None, group=None, image=np.ones((len(matrix), 1)), position=place, pitch=1.0,
        counts=sparse.csr_matrix(matrix), genes=list(counts),
    )  # fmt: skip


def ranked(references, n_genes, asked=(), share=0.5):
    settings = dataclasses.replace(DEFAULT, n_genes=n_genes, min_share=share)
    return choose_panel(references, settings, asked).tolist()


def random_references(seed, n=6, n_genes=30, n_spots=25):
    """Slices that measure the same genes, most of them in few spots and more or less so in each slice."""
    rng = np.random.default_rng(seed)
    usual = rng.uniform(0, 0.5, n_genes)
    found = []
    for number in range(n):
        mean = usual * rng.choice([0, 0.3, 1, 3], n_genes)
        counts = rng.negative_binomial(1, 1 / (1 + mean), (n_spots, n_genes))
        found.append(reference(f"S{number}", **{f"g{gene:02d}": counts[:, gene] for gene in range(n_genes)}))
    return found


def test_genes_are_ranked_by_the_mean_of_their_places():
    # places of x: 0, 2, 2; of y: 1, 0, 1; of z: 2, 1, 0
    references = [
        reference("A", x=WIDE, y=MIDDLE, z=SLIGHT),
        reference("B", x=SLIGHT, y=WIDE, z=MIDDLE),
        reference("C", x=SLIGHT, y=MIDDLE, z=WIDE),
    ]
    assert ranked(references, 2) == ["y", "z"]
    assert ranked(references, None) == ["x", "y", "z"]


def test_a_gene_that_one_of_three_references_hardly_sees_takes_part():
    # places of p: 0, 0, and last of three, so 3; of q: 1, 1, 0; of s: 2, 2, 1
    references = [
        reference("A", p=WIDE, q=MIDDLE, s=SLIGHT),
        reference("B", p=WIDE, q=MIDDLE, s=SLIGHT),
        reference("C", p=RARE, q=WIDE, s=MIDDLE),
    ]
    assert ranked(references, 2) == ["p", "q"]


def test_a_gene_seen_in_half_of_the_references_only_fills_what_would_stay_empty():
    # mean place of r: (0 + 4) / 2 = 2, better than that of c: (3 + 2) / 2
    references = [
        reference("A", r=WIDE, a=BROAD, b=MIDDLE, c=SLIGHT),
        reference("B", r=RARE, a=WIDE, b=MIDDLE, c=SLIGHT),
    ]
    assert ranked(references, 3) == ["a", "b", "c"]
    assert ranked(references, 4) == ["a", "b", "c", "r"]


def test_a_gene_that_no_reference_sees_often_enough_is_out_unless_it_is_asked_for():
    references = [reference("A", a=WIDE, b=MIDDLE, rare=RARE), reference("B", a=WIDE, b=MIDDLE, rare=RARE)]
    assert ranked(references, 3) == ["a", "b"]
    assert ranked(references, 3, ["rare"]) == ["a", "b", "rare"]


def test_genes_asked_for_are_in_and_the_best_of_the_others_fill_up_to_the_number():
    references = [reference("A", w=WIDE, b=BROAD, m=MIDDLE, s=SLIGHT)]
    assert ranked(references, 2, ["s"]) == ["s", "w"]
    assert ranked(references, 2, ["s", "m", "b"]) == ["b", "m", "s"]  # more than the number: all, no others
    assert ranked(references, 3, ["w"]) == [
        "b",
        "m",
        "w",
    ]  # one that ranks first anyway takes no second place


def test_genes_asked_for_join_the_panel_of_the_paper_too():
    references = random_references(0)
    panel = dataclasses.replace(PAPER, n_hvg=20)
    without = choose_panel(references, panel).tolist()
    assert "g01" not in without
    assert choose_panel(references, panel, ["g01"]).tolist() == sorted([*without, "g01"])


def test_a_gene_that_a_reference_does_not_measure_is_no_candidate():
    references = [reference("A", a=WIDE, b=MIDDLE, c=WIDE), reference("B", a=WIDE, b=MIDDLE)]
    assert ranked(references, 3) == ["a", "b"]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("n_genes", "share"), [(5, 0.1), (20, 0.1), (20, 0.4), (None, 0.2)])
def test_a_further_reference_of_the_same_genes_never_shrinks_the_panel(seed, n_genes, share):
    references = random_references(seed)
    sizes = [len(ranked(references[:n], n_genes, ["g03", "g07"], share)) for n in range(1, 7)]
    assert sizes == sorted(sizes)


def test_the_random_references_would_shrink_under_the_rule_of_the_paper():
    references = random_references(0)
    panel = dataclasses.replace(PAPER, n_hvg=20)
    assert len(choose_panel(references[:1], panel)) > len(choose_panel(references[:4], panel))


def test_the_paper_takes_the_same_genes_as_ever():
    """Kept from when it was the only rule: two sizes of list, with and without a limit."""
    references = random_references(1, n=3)
    chosen = {
        (n_hvg, n_genes): " ".join(
            choose_panel(references, dataclasses.replace(PAPER, n_hvg=n_hvg, n_genes=n_genes)).tolist()
        )
        for n_hvg, n_genes in [(20, None), (25, None), (25, 6)]
    }
    assert chosen == GOLDEN


def test_the_share_of_spots_counts_in_every_reference_where_genes_have_to_be_in_all_lists():
    references = [
        reference("A", a=RARE, b=WIDE, c=MIDDLE, d=SLIGHT),
        reference("B", a=WIDE, b=RARE, c=MIDDLE, d=SLIGHT),
    ]
    panel = dataclasses.replace(PAPER, min_share=0.5)
    assert choose_panel(references, panel).tolist() == ["c", "d"]


def test_presets_say_which_rule_is_theirs():
    assert (DEFAULT.rule, DEFAULT.n_genes, DEFAULT.min_share) == ("ranked", 1000, 0.1)
    for preset in (PAPER, load_settings("released", method="spahgc").panel):
        assert (preset.rule, preset.n_genes, preset.n_hvg, preset.min_share) == (
            "intersection",
            None,
            1000,
            0,
        )


def test_a_panel_of_one_gene_is_refused_with_what_to_change():
    with pytest.raises(InputError, match=r"got 1 of the 2 that all references share; lower panel\.min_share"):
        ranked([reference("A", a=WIDE, b=RARE)], 10)
