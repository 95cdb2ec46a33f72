"""Interactions: a planted pair leads, nothing is found where nothing is planted, names are told apart."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.characterised import border_slice, lattice
from scipy import ndimage, sparse

from tissuegraph.characterise.interactions import COLUMNS, borders, interactions, matched_pairs
from tissuegraph.characterise.shifts import curves, hilbert, moved
from tissuegraph.characterise.subject import Subject, read_subject
from tissuegraph.errors import InputError
from tissuegraph.io.ligand_receptor import Pair, parts_of, read_pairs


def subject_of(counts, xy, graph, codes, **more) -> Subject:
    genes = np.array([f"G{k}" for k in range(counts.shape[1])])
    words = {"genes": genes, "gene_ids": genes, "symbols": genes, **more}
    return Subject(
        barcodes=np.arange(len(codes)).astype(str), counts=sparse.csr_matrix(counts, dtype=np.float32),
        xy=xy, graph=graph, by="domain", codes=codes, names=tuple("ABCDE"[: codes.max() + 1]), **words,
    )  # fmt: skip


def read_planted(tmp_path, **words) -> Subject:
    border_slice(**words).write_h5ad(tmp_path / "s.h5ad")
    return read_subject(tmp_path / "s.h5ad")


def all_pairs(n_genes: int = 40) -> list[Pair]:
    return [Pair(f"G{2 * k}", f"G{2 * k + 1}") for k in range(n_genes // 2)]


def test_a_pair_along_one_border_comes_first_there(tmp_path):
    subject = read_planted(tmp_path, columns=56)
    frame = interactions(subject, matched_pairs(subject, all_pairs()))
    assert tuple(frame.columns) == COLUMNS
    first = frame.iloc[0]
    assert first[["sender", "receiver", "ligand", "receptor", "rank"]].tolist() == ["2", "3", "G0", "G1", 1]
    assert first["p_value"] < 0.01
    assert first["n_edges"] == 30
    assert first["score"] > 1.5 * first["expected"]
    assert (frame["p_adjusted"] >= frame["p_value"]).all()
    of_score, of_specificity = (frame[name].rank(ascending=False) for name in ("score", "specificity"))
    assert (of_score * of_specificity).is_monotonic_increasing


def test_a_gene_that_gathers_at_a_border_makes_no_pair_with_one_that_is_everywhere(tmp_path):
    subject = read_planted(tmp_path)
    frame = interactions(subject, matched_pairs(subject, [Pair("G0", f"G{k}") for k in range(50, 70)]))
    between = frame[(frame["sender"] == "2") & (frame["receiver"] == "3")]
    assert len(between) == 20
    assert (between["p_value"] <= 0.05).mean() <= 0.1


@pytest.mark.parametrize("smooth", [0, 3])
def test_nothing_is_found_where_nothing_is_planted(smooth):
    xy, graph = lattice(32, 30)
    codes = (np.arange(960) % 32) * 4 // 32
    p, adjusted = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rate = np.exp(rng.normal(0, 0.5, (4, 20)))[codes]
        if smooth:
            fields = np.array(
                [ndimage.gaussian_filter(rng.normal(size=(30, 32)), smooth).ravel() for _ in range(20)]
            )
            rate = rate * np.exp(0.7 * fields.T / fields.std())
        subject = subject_of(rng.poisson(np.column_stack([rate, np.ones((960, 100))])), xy, graph, codes)
        frame = interactions(subject, matched_pairs(subject, all_pairs(20)), seed=seed)
        p.append(frame["p_value"])
        adjusted.append(frame["p_adjusted"].min())
    assert (np.concatenate(p) <= 0.05).mean() <= 0.07
    assert (np.array(adjusted) <= 0.05).mean() <= 0.07


def test_the_score_is_the_mean_over_the_edges_from_sender_to_receiver():
    xy, graph = lattice(4, 12)
    codes = (np.arange(48) % 4) // 2
    counts = np.random.default_rng(0).poisson(3.0, (48, 6))
    subject = subject_of(counts, xy, graph, codes)
    frame = interactions(subject, matched_pairs(subject, [Pair("G0", "G1_G2")]))
    values = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    ligand, receptor = np.sqrt(values[:, 0]), np.sqrt(values[:, 1:3].min(axis=1))
    for row in frame.itertuples():
        a, b = "AB".index(row.sender), "AB".index(row.receiver)
        edges = [(i, j) for i, j in zip(*graph.nonzero(), strict=True) if codes[i] == a and codes[j] == b]
        assert row.score == pytest.approx(np.mean([ligand[i] * receptor[j] for i, j in edges]), rel=1e-5)
        assert row.n_edges == len(edges)
        assert row.ligand_mean == pytest.approx(values[codes == a, 0].mean(), rel=1e-5)
    assert [(row.sender, row.receiver) for row in frame.sort_values("sender").itertuples()] == [
        ("A", "B"),
        ("B", "A"),
    ]


def test_the_same_seed_gives_the_same_table(tmp_path):
    subject = read_planted(tmp_path, columns=16, rows=12)
    one, other = (interactions(subject, matched_pairs(subject, all_pairs()), seed=4) for _ in range(2))
    assert one.equals(other)


def test_inferred_expression_gets_no_p():
    xy, graph = lattice(6, 12)
    subject = subject_of(
        np.random.default_rng(0).poisson(3.0, (72, 4)), xy, graph, (np.arange(72) % 6) // 3, inferred=True
    )
    frame = interactions(subject, matched_pairs(subject, [Pair("G0", "G1")]))
    assert frame[["p_value", "p_adjusted"]].isna().all().all()
    assert frame["effect"].notna().all()


def test_small_domains_short_borders_and_a_domain_with_itself_are_left_out():
    xy, graph = lattice(20, 10)
    codes = np.zeros(200, dtype=int)
    codes[:9] = 1  # nine spots
    codes[190:] = 2  # ten spots, ten edges with 0
    codes[150] = -1
    subject = subject_of(np.ones((200, 2)), xy, graph, codes)
    assert {(a, b) for a, b, _ in borders(subject)} == {(0, 2), (2, 0)}


def test_no_pair_or_no_border_is_an_empty_table():
    xy, graph = lattice(6, 6)
    subject = subject_of(np.ones((36, 2)), xy, graph, np.zeros(36, dtype=int))
    assert matched_pairs(subject, [Pair("x", "y")]).missing == 1
    frame = interactions(subject, matched_pairs(subject, [Pair("x", "y")]))
    assert len(frame) == 0
    assert tuple(frame.columns) == COLUMNS


def test_names_are_matched_by_symbol_identifier_case_and_complex():
    xy, graph = lattice(6, 6)
    subject = subject_of(
        np.ones((36, 4)), xy, graph, np.zeros(36, dtype=int), symbols=np.array(["Tgfb1", "A", "B", "NKX2_5"]),
        gene_ids=np.array(["ENSG00000000001", "E2", "E3", "E4"]),
    )  # fmt: skip
    asked = [Pair("TGFB1", "A&B"), Pair("ENSG00000000001.7", "NKX2_5"), Pair("A", "B_C")]
    found = matched_pairs(subject, asked)
    assert found.ligands == ((0,), (0,))
    assert found.receptors == ((1, 2), (3,))
    assert found.missing == 1
    again = [*asked, Pair("tgfb1", "B_A"), Pair("A&B", "TGFB1"), Pair("Tgfb1", "B & A")]
    assert matched_pairs(subject, again).pairs == (*asked[:2], Pair("A&B", "TGFB1"))


# Moves -----------------------------------------------------------------------------------------------------


def test_the_curve_steps_from_cell_to_cell():
    xy, _ = lattice(16, 16)
    along = xy[np.argsort(hilbert(xy))] / 100
    assert (np.abs(np.diff(along, axis=0)).sum(axis=1) == 1).all()


def test_moves_are_those_that_one_would_make_by_hand():
    rng = np.random.default_rng(0)
    values, weights = rng.random((7, 3)), rng.random((7, 3))
    order = rng.permutation(7)
    found = moved(values, weights, order[None])
    f, h = values[order], weights[order]
    scores = [(np.roll(each, k, axis=0) * h).sum(axis=0) for each in (f, f[::-1]) for k in range(7)]
    np.testing.assert_allclose(found.observed, (values * weights).sum(axis=0))
    np.testing.assert_allclose(found.mean, np.mean(scores, axis=0))
    np.testing.assert_allclose(found.sd, np.std(scores, axis=0))
    np.testing.assert_allclose(found.p, (np.array(scores) >= found.observed - 1e-9).sum(axis=0) / 14)


def test_there_are_as_many_moves_as_were_asked_for():
    rng = np.random.default_rng(0)
    assert curves(rng.random((30, 2)), 1000, rng).shape == (17, 30)
    assert curves(rng.random((2000, 2)), 1000, rng).shape == (2, 2000)


# The table ----------------------------------------------------------------------------------------------


def test_a_table_is_read_with_what_else_it_holds_left_out(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "source\tLigand\tReceptor \n\nx\tTGFB1\tTGFBR1_TGFBR2\nx\tTGFB1\tTGFBR1_TGFBR2\ny\tA\tB & C\n"
    )
    assert read_pairs(path) == [Pair("TGFB1", "TGFBR1_TGFBR2"), Pair("A", "B & C")]
    assert parts_of("B & C") == ("B", "C")
    assert parts_of("TGFB1") == ("TGFB1",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("ligand,receptor\n", "holds no pair"),
        ("ligand,target\nA,B\n", "has no column 'receptor'"),
        ("ligand,receptor,Ligand\nA,B,C\n", "has two columns 'ligand'"),
        ("ligand,receptor\nA,B\n\nC,\n", "line 4, column receptor is empty"),
        ("ligand,receptor\nA_,B\n", "line 2, column ligand holds 'A_'"),
        ('ligand,receptor\n"A,B\n', "line 2, column receptor is empty"),
        (f"ligand,receptor\nA,{'B' * 101}\n", "line 2, column receptor holds 'BBB"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_by_line_and_column(tmp_path, text, told):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        read_pairs(tmp_path / "p.csv")


def test_columns_are_parted_by_what_gives_a_ligand_and_a_receptor(tmp_path):
    (tmp_path / "p.txt").write_text('"Ligand"\treceptor\tnotes, sources, years\nA\tB\tx, y, z\n')
    assert read_pairs(tmp_path / "p.txt") == [Pair("A", "B")]


def test_a_table_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"table of pairs p\.csv does not exist"):
        read_pairs(tmp_path / "p.csv")
