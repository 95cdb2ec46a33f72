"""Pseudotime: a planted gradient is found from a root that is named, and nothing is made up around it."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.characterised import gradient_slice
from scipy.stats import spearmanr

from tissuegraph.characterise.roots import Root, asked_root, end_of_tree, middle_spot
from tissuegraph.characterise.subject import read_subject
from tissuegraph.characterise.trajectory import (
    _Nearest,
    ordered,
    quantiles,
    ranks,
    read_embedding,
    repeated,
)
from tissuegraph.characterise.trajectory_files import paga_table, write_trajectory
from tissuegraph.errors import InputError
from tissuegraph.records import Record, read_record


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Path of a slice with a gradient from left to right, and where each spot is on the way."""
    data, way = gradient_slice()
    path = tmp_path_factory.mktemp("gradient") / "s.h5ad"
    data.write_h5ad(path)
    return path, way


def test_a_planted_gradient_comes_out_from_its_root_to_its_end(planted, tmp_path):
    path, way = planted
    record = Record("s", "trajectory")
    write_trajectory(record, path, "5", range(3), tmp_path, ["png"])
    with np.load(tmp_path / "trajectory.npz") as stored:
        pseudotime = stored["pseudotime"]
    assert pseudotime.dtype == np.float32
    assert (pseudotime.min(), pseudotime.max()) == (0, 1)
    assert spearmanr(pseudotime, way).statistic <= -0.8  # from the right
    frame = pd.read_csv(tmp_path / "s.trajectory.csv")
    assert frame["domain"].tolist() == [5, 4, 3, 2, 1]
    assert frame["rank"].tolist() == [1, 2, 3, 4, 5]
    assert frame["is_root"].tolist() == [True, False, False, False, False]
    assert (frame["pseudotime_q25"] <= frame["pseudotime_median"]).all()
    assert frame["spearman_mean"][0] == pytest.approx(np.mean(record.metrics["spearman"]), abs=1e-5)
    assert frame["spearman_mean"][0] > 0.9
    assert frame["n_repeats"][0] == len(record.metrics["spearman"]) == 3
    assert record.metrics["files"] == {"trajectory": "s.trajectory.png"}
    assert record.status == "passed"


def test_the_figure_gives_each_domain_its_own_median(planted, tmp_path, monkeypatch):
    from tissuegraph.characterise import trajectory_files
    from tissuegraph.figures.trajectory import trajectory_figure

    drawn = []

    def draw(*words):
        drawn.append(words)
        return trajectory_figure(*words)

    monkeypatch.setattr(trajectory_files, "trajectory_figure", draw)
    write_trajectory(Record("s", "trajectory"), planted[0], "5", range(1), tmp_path, ["png"])
    _, pseudotime, root, names, _, medians, *_ = drawn[0]
    codes = read_subject(planted[0]).codes
    assert list(names) == ["1", "2", "3", "4", "5"]
    np.testing.assert_allclose(medians, [np.median(pseudotime[codes == k]) for k in range(5)])
    assert codes[root] == 4


def test_without_a_root_the_order_is_the_same_and_the_direction_is_called_arbitrary(planted, tmp_path):
    path, way = planted
    record = Record("s", "trajectory")
    write_trajectory(record, path, None, range(1), tmp_path, ["png"])
    with np.load(tmp_path / "trajectory.npz") as stored:
        assert abs(spearmanr(stored["pseudotime"], way).statistic) >= 0.8
    assert "arbitrary" in record.metrics["root_why"]
    assert record.metrics["root"] in ("1", "5")


def test_the_same_seed_gives_the_same_values_twice(planted):
    path, _ = planted
    _, embedding = read_embedding(path)
    codes = read_subject(path).codes
    one, other = (ordered(embedding, codes, Root(0, ""), 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.pseudotime, other.pseudotime)
    np.testing.assert_array_equal(one.connectivities, other.connectivities)


def test_paga_joins_the_domains_that_follow_each_other(planted):
    path, _ = planted
    _, embedding = read_embedding(path)
    found = ordered(embedding, read_subject(path).codes, Root(0, ""), 5).connectivities
    assert (np.diag(found, 1) > 0.3).all()
    assert found[0, 4] < 0.05
    frame = paga_table(["a", "b", "c"], np.array([[0, 0.2, 0.9], [0.2, 0, 0], [0.9, 0, 0]]))
    assert frame.values.tolist() == [["a", "c", 0.9], ["a", "b", 0.2]]


def test_neighbours_are_those_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    found = _Nearest(7, 0).fit_transform(x)
    distance, index = NearestNeighbors(n_neighbors=7).fit(x).kneighbors(x)
    np.testing.assert_array_equal(found.indices.reshape(200, 6), index[:, 1:])
    np.testing.assert_allclose(found.data.reshape(200, 6), distance[:, 1:], rtol=1e-4)


def test_equal_spots_do_not_break_the_order():
    embedding = np.repeat(np.linspace(0, 1, 20), 10)[:, None].astype(np.float32) * np.ones((1, 3), "f4")
    codes = np.repeat([0, 1], 100)
    found = ordered(embedding, codes, Root(0, ""), 2).pseudotime
    assert ((found[np.isfinite(found)] >= 0) & (found[np.isfinite(found)] <= 1)).all()


def test_a_piece_that_the_root_does_not_reach_has_no_pseudotime():
    rng = np.random.default_rng(0)
    embedding = rng.normal(0, 0.1, (120, 4)).astype(np.float32)
    embedding[60:] += 100
    codes = np.repeat([0, 1, 2, -1], 30)
    found = ordered(embedding, codes, Root(1, ""), 3)
    assert np.isfinite(found.pseudotime[:60]).all()
    assert np.isnan(found.pseudotime[60:]).all()
    assert found.connectivities[:2, 2].tolist() == [0, 0]
    places = quantiles(found.pseudotime, codes, 3)
    assert np.isnan(places[2]).all()
    assert np.isnan(ranks(places[:, 1])[2])


def test_a_domain_that_is_not_reached_has_no_rank_in_table_and_record(planted, tmp_path):
    data = anndata.read_h5ad(planted[0])
    data.obsm["X_stmfg"][(data.obs["domain"] == "5").to_numpy()] += 100
    data.write_h5ad(tmp_path / "s.h5ad")
    record = Record("s", "trajectory")
    write_trajectory(record, tmp_path / "s.h5ad", "1", range(1), tmp_path, ["png"])
    frame = pd.read_csv(tmp_path / "s.trajectory.csv")
    assert frame["domain"].tolist() == [1, 2, 3, 4, 5]
    assert frame["rank"].isna().tolist() == [False] * 4 + [True]
    record.write(tmp_path / "r.json")
    assert read_record(tmp_path / "r.json").metrics["rows"][4]["rank"] is None
    assert "20.0% of the spots" in record.notes[0]


def test_repeats_are_of_parts_of_the_spots_and_noise_is_told_as_unstable():
    embedding = np.random.default_rng(0).normal(size=(300, 10)).astype(np.float32)
    codes = np.arange(300) % 3
    order = ordered(embedding, codes, Root(None, ""), 3)
    found = repeated(order, embedding, codes, Root(None, ""), 3, range(4))
    assert found.spearman.shape == (4,)
    assert found.medians.shape == (4, 3)
    assert found.spearman.mean() < 0.8


def test_a_rule_that_would_start_at_the_other_end_does_not_make_the_order_unstable(tmp_path):
    # five domains of one size: in a part of the spots either end may be the larger one
    gradient_slice(20, 12)[0].write_h5ad(tmp_path / "s.h5ad")
    record = Record("s", "trajectory")
    write_trajectory(record, tmp_path / "s.h5ad", None, range(3), tmp_path, ["png"])
    assert record.metrics["spearman_mean"] > 0.95
    assert [note[:60] for note in record.notes] == [
        "pseudotime: the rule would choose other roots in some of the"
    ]


def test_a_root_may_be_a_domain_a_gene_or_an_identifier(planted):
    path, _ = planted
    subject = read_subject(path)
    assert asked_root(subject, "3").domain == 2
    assert asked_root(subject, " 3 ").domain == 2
    assert asked_root(subject, None).domain is None
    for name in ("gene:G29", "G29", "GENE:g29", "ENSG00000000029", "ENSG00000000029.4"):
        assert asked_root(subject, name).domain == 4  # G29 is highest at the right
    assert asked_root(subject, "G0").domain == 0


@pytest.mark.parametrize("asked", ["six", "gene:3", "gene:nothing"])
def test_an_unknown_root_is_told_with_what_there_is(planted, asked):
    with pytest.raises(InputError, match=r"neither a domain nor a gene.*one of 1, 2, 3, 4, 5.*gene:G0"):
        asked_root(read_subject(planted[0]), asked)


def test_the_rule_takes_the_larger_end_of_the_longest_path():
    #  0 - 1 - 2 - 3, with a short branch 1 - 4
    connectivities = np.zeros((5, 5))
    for one, other in ((0, 1), (1, 2), (2, 3), (1, 4)):
        connectivities[one, other] = connectivities[other, one] = 0.8
    connectivities[0, 3] = connectivities[3, 0] = 0.1  # not in the tree
    centres = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [1, 0.5]])
    assert end_of_tree(connectivities, centres, np.array([20, 500, 500, 30, 900])) == 3
    assert end_of_tree(connectivities, centres, np.array([40, 500, 500, 30, 900])) == 0
    assert end_of_tree(connectivities, centres, np.array([30, 500, 500, 30, 900])) == 0
    # (domain 3 is too small to be an end: 0 or 4 against 2)
    assert end_of_tree(connectivities, centres, np.array([20, 500, 500, 9, 900])) in (0, 2)


def test_the_middle_spot_is_nearest_the_median():
    embedding = np.array([[0.0], [1.0], [2.0], [100.0], [1.1]])
    assert middle_spot(embedding, np.array([0, 1, 2, 3])) in (1, 2)
    assert middle_spot(embedding, np.array([0, 4, 3])) == 4


def test_one_domain_or_few_spots_are_a_note_and_no_files(planted, tmp_path):
    data = anndata.read_h5ad(planted[0])
    data.obs["domain"] = pd.Categorical(["1"] * data.n_obs)
    data.write_h5ad(tmp_path / "one.h5ad")
    record = Record("s", "trajectory")
    write_trajectory(record, tmp_path / "one.h5ad", None, range(1), tmp_path, ["png"])
    assert record.status == "passed"
    assert "no trajectory: 1 domain" in record.notes[0]
    assert not list(tmp_path.glob("*.csv"))


def test_the_embedding_is_that_of_the_final_method(planted, tmp_path):
    data = anndata.read_h5ad(planted[0])
    data.obsm["X_multist"] = data.obsm["X_stmfg"][:, :2]
    expected = {"multist": "X_multist", "joint_multist": "X_multist", "joint": "X_stmfg", "other": "X_stmfg"}
    for final, name in expected.items():
        data.uns["tissuegraph"]["final_method"] = final
        data.write_h5ad(tmp_path / "s.h5ad")
        assert read_embedding(tmp_path / "s.h5ad")[0] == name
    del data.obsm["X_multist"], data.obsm["X_stmfg"]
    data.write_h5ad(tmp_path / "s.h5ad")
    with pytest.raises(InputError, match="no embedding"):
        read_embedding(tmp_path / "s.h5ad")
