"""Graphs and operators: counts that follow from geometry, laws, and brute force on small slices."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.slices import graphs, neighbours, smoothing

PITCH = 137.0
LINE = np.array([[0.0, 0], [1, 0], [2.5, 0], [10, 0]])  # 0 - 1 -- 2 . . . . . . . 3


def hexagons(side: int = 21, pitch: float = PITCH, rounded: bool = False) -> np.ndarray:
    """Visium's lattice: odd rows shifted by half a pitch."""
    row, column = np.divmod(np.arange(side * side), side)
    xy = np.column_stack([column + 0.5 * (row % 2), row * np.sqrt(3) / 2]) * pitch
    return np.round(xy) if rounded else xy


def interior(position: np.ndarray, margin: float) -> np.ndarray:
    low, high = position.min(axis=0) + margin, position.max(axis=0) - margin
    return ((position >= low) & (position <= high)).all(axis=1)


def degrees(graph) -> np.ndarray:
    return np.asarray(graph.sum(axis=1)).ravel()


def assert_is_graph(graph) -> None:
    assert graph.format == "csr"
    assert graph.dtype == np.bool_
    assert (graph != graph.T).nnz == 0
    assert not graph.diagonal().any()


@pytest.mark.parametrize("rounded", [False, True], ids=["exact", "pixels"])
@pytest.mark.parametrize(("radius", "neighbours"), [(1.2, 6), (2.05, 18), (3.8, 54), (4.1, 60)])
def test_hexagonal_shells_hold_6_18_54_60_neighbours(radius, neighbours, rounded):
    position = hexagons(rounded=rounded)
    graph = graphs.spatial_graph(position, "radius_pitch", radius, PITCH).adjacency
    assert_is_graph(graph)
    inner = interior(position, 4.2 * PITCH)
    assert inner.sum() > 50
    assert set(degrees(graph)[inner]) == {neighbours}


def test_the_same_pixels_mean_another_ring_on_another_slide():
    def inner_degree(pitch):
        position = hexagons(pitch=pitch)
        return set(degrees(graphs.radius_graph(position, 550))[interior(position, 4.2 * pitch)])

    assert inner_degree(138) == {54}
    assert inner_degree(273) == {18}


@pytest.mark.parametrize(("wanted", "shell"), [(6, 6), (18, 18), (50, 54)])
@pytest.mark.parametrize("rounded", [False, True], ids=["exact", "pixels"])
def test_a_mean_degree_on_a_lattice_takes_whole_shells(wanted, shell, rounded):
    position = hexagons(41, rounded=rounded)
    graph = graphs.spatial_graph(position, "mean_degree", wanted)
    assert set(degrees(graph.adjacency)[interior(position, 4.2 * PITCH)]) == {shell}


@pytest.mark.parametrize("n_spots", [500, 5000])
def test_a_mean_degree_holds_on_irregular_cells(n_spots):
    position = np.random.default_rng(0).uniform(size=(n_spots, 2)) * 1000
    graph = graphs.spatial_graph(position, "mean_degree", 18)
    assert graph.degrees.mean == pytest.approx(18, rel=0.05)
    assert_is_graph(graph.adjacency)


def test_a_mean_degree_beyond_the_slice_joins_all_spots():
    graph = graphs.spatial_graph(LINE, "mean_degree", 18)
    assert graph.degrees.components == 1
    assert graph.degrees == graphs.DegreeReport(mean=3, min=3, max=3, isolated=0, distribution=((3, 100.0),))


CROWD_AND_STRAY = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [50, 0], [51, 0], [200, 0]], dtype=float)


@pytest.mark.parametrize(("rule", "value"), [("mean_degree", 6), ("radius_px", 500), ("knn", 3)])
def test_no_edge_is_longer_than_the_cap(rule, value):
    graph = graphs.spatial_graph(CROWD_AND_STRAY, rule, value, longest=10)
    first, second = graph.adjacency.nonzero()
    length = np.linalg.norm(CROWD_AND_STRAY[first] - CROWD_AND_STRAY[second], axis=1)
    assert length.max() <= 10
    # the square of four, the pair, and the stray spot, which no edge can reach
    assert (graph.degrees.components, graph.degrees.largest) == (3, pytest.approx(4 / 7))
    assert graph.degrees.distribution[0] == (0, pytest.approx(100 / 7, abs=1e-3))
    assert "14.3% of the spots are too far" in graph.degrees.warnings("spatial", 7)[-1]


def test_without_a_cap_the_stray_spot_joins_its_nearest():
    graph = graphs.spatial_graph(CROWD_AND_STRAY, "radius_px", 2)
    assert graph.degrees.min == 1
    assert graph.degrees.components == 2


@pytest.mark.parametrize(
    ("max_um", "um_per_px", "pixels"), [(500, 0.5, 1000), (500, None, None), (None, 0.5, None)]
)
def test_the_cap_is_in_micrometres_where_the_scale_is_known(max_um, um_per_px, pixels):
    assert graphs.longest_edge(max_um, um_per_px) == pixels


def test_radius_follows_density_and_knn_does_not():
    rng = np.random.default_rng(0)
    dense, thin = rng.uniform(0, 1, (1000, 2)), rng.uniform(0, 1, (250, 2)) + [1, 0]
    position = np.vstack([dense, thin])
    is_dense = np.arange(len(position)) < 1000
    by_radius = degrees(graphs.spatial_graph(position, "mean_degree", 12).adjacency)
    by_knn = degrees(graphs.spatial_graph(position, "knn", 12).adjacency)
    assert by_radius[is_dense].mean() > 3 * by_radius[~is_dense].mean()
    assert by_knn[is_dense].mean() == pytest.approx(by_knn[~is_dense].mean(), rel=0.15)


def test_knn_is_symmetrised_by_or_and_long_edges_are_dropped_but_nobody_is_left_alone():
    without_cap = graphs.knn_graph(LINE, 1, cap=None)
    assert without_cap.toarray().astype(int).tolist() == [
        [0, 1, 0, 0],
        [1, 0, 1, 0],  # 1 lists 0; 2 lists 1
        [0, 1, 0, 1],  # 3 lists 2
        [0, 0, 1, 0],
    ]
    assert degrees(graphs.knn_graph(LINE, 1)).tolist() == [1, 2, 1, 0]  # edge of 7.5 against a median of 1.25
    graph = graphs.spatial_graph(LINE, "knn", 1)
    assert (graph.adjacency != without_cap).nnz == 0
    assert graph.degrees == graphs.DegreeReport(
        mean=1.5, min=1, max=2, isolated=1, distribution=((1, 50.0), (2, 50.0))
    )


def test_isolated_spots_join_their_nearest_and_are_reported():
    graph = graphs.spatial_graph(LINE, "radius_px", 1.5)
    assert degrees(graph.adjacency).tolist() == [1, 2, 2, 1]
    assert graph.degrees.isolated == 1
    assert "spatial graph: 1 isolated spots" in " ".join(graph.degrees.warnings("spatial", 4))
    assert graph.degrees.warnings("spatial", 500) == [
        "spatial graph: 1.5 neighbours per spot on average; widen it"
    ]


@pytest.mark.parametrize(("mean", "words"), [(2.9, ["widen"]), (3.0, []), (100.0, []), (101.0, ["narrow"])])
def test_unusual_mean_degrees_are_warned_about(mean, words):
    report = graphs.DegreeReport(mean=mean, min=1, max=200, isolated=0, distribution=())
    lines = report.warnings("spatial", 500)
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))


def test_a_radius_in_the_wrong_unit_is_refused_before_it_fills_the_memory():
    with pytest.raises(SettingsError, match=r"4355 neighbours per spot; choose a smaller one"):
        graphs.radius_graph(hexagons(66), 1e9)


def test_an_unknown_rule_names_the_known_ones():
    with pytest.raises(SettingsError, match="mean_degree, radius_pitch, radius_px or knn; got 'delaunay'"):
        graphs.spatial_graph(LINE, "delaunay", 6)


@pytest.mark.parametrize(
    ("position", "words"),
    [(LINE[:1], "at least two spots"), (np.full((3, 2), np.nan), "finite")],
)
def test_unusable_positions_are_refused(position, words):
    with pytest.raises(InputError, match=words):
        graphs.spatial_graph(position, "radius_pitch", 1.2, 1.0)


def test_the_pitch_is_the_one_given_and_not_that_of_the_spots_at_hand():
    every_second = hexagons()[::2]
    graph = graphs.spatial_graph(every_second, "radius_pitch", 1.2, PITCH).adjacency
    assert (graph != graphs.spatial_graph(every_second, "radius_px", 1.2 * PITCH).adjacency).nnz == 0
    for pitch in (None, float("nan"), 0.0):
        with pytest.raises(InputError, match="radius_pitch needs the pitch of the slice"):
            graphs.spatial_graph(every_second, "radius_pitch", 1.2, pitch)


def test_spots_at_one_place_are_neighbours_of_each_other_but_not_of_themselves():
    index, distance = neighbours.nearest_spots(np.zeros((5, 2)), 2)
    assert (index != np.arange(5)[:, None]).all()
    assert (distance == 0).all()


def test_nearest_spots_are_those_of_brute_force():
    position = np.random.default_rng(3).normal(size=(60, 2))
    distance = cdist(position, position)
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_array_equal(neighbours.nearest_spots(position, 7)[0], distance.argsort(axis=1)[:, :7])


def test_relabelling_spots_relabels_the_graphs():
    rng = np.random.default_rng(4)
    position, features = rng.normal(size=(80, 2)), rng.normal(size=(80, 6))
    order = rng.permutation(80)
    for build, data in [
        (lambda x: graphs.spatial_graph(x, "knn", 5), position),
        (lambda x: graphs.spatial_graph(x, "mean_degree", 8), position),
        (lambda x: graphs.feature_graph(x, 5), features),
    ]:
        there, here = build(data[order]).adjacency, build(data).adjacency[order][:, order]
        assert (there != here).nnz == 0


@pytest.mark.parametrize("as_csr", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_feature_graph_joins_the_most_similar_spots(metric, as_csr):
    features = np.abs(np.random.default_rng(5).normal(size=(90, 12))).astype(np.float32)
    distance = cdist(features, features, metric)
    np.fill_diagonal(distance, np.inf)
    expected = np.zeros((90, 90), dtype=bool)
    np.put_along_axis(expected, distance.argsort(axis=1)[:, :4], True, axis=1)
    graph = graphs.feature_graph(sparse.csr_matrix(features) if as_csr else features, 4, metric).adjacency
    assert_is_graph(graph)
    np.testing.assert_array_equal(graph.toarray(), expected | expected.T)


def test_feature_graph_accepts_spots_without_any_expression():
    features = np.vstack([np.eye(4), np.zeros((2, 4))])
    graph = graphs.feature_graph(features, 2)
    assert graph.degrees.min >= 2
    assert_is_graph(graph.adjacency)


def test_mean_over_nearest_averages_a_spot_with_its_neighbours():
    operator = smoothing.mean_over_nearest(LINE, 1)
    assert operator.dtype == np.float32
    np.testing.assert_allclose(operator @ np.array([8.0, 4, 2, 1]), [6, 6, 3, 1.5])


def test_mean_over_no_neighbours_is_the_identity():
    assert (smoothing.mean_over_nearest(LINE, 0) != sparse.eye_array(4)).nnz == 0


@pytest.mark.parametrize("k", [1, 18, 500])
def test_rows_of_the_mean_sum_to_one(k):
    operator = smoothing.mean_over_nearest(hexagons(9), k)
    np.testing.assert_allclose(degrees(operator), 1, rtol=1e-5)


def test_normalised_adjacency_is_the_textbook_one():
    chain = sparse.csr_matrix(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool))
    a = 1 / np.sqrt(6)  # degrees with loops: 2, 3, 2
    sym = graphs.normalise_adjacency(chain, "sym")
    assert sym.dtype == np.float32
    np.testing.assert_allclose(sym.toarray(), [[1 / 2, a, 0], [a, 1 / 3, a], [0, a, 1 / 2]], rtol=1e-6)
    np.testing.assert_allclose(
        graphs.normalise_adjacency(chain, "rw").toarray(),
        [[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3], [0, 1 / 2, 1 / 2]],
        rtol=1e-6,
    )
    with pytest.raises(SettingsError, match="sym or rw"):
        graphs.normalise_adjacency(chain, "mean")


def test_an_isolated_spot_keeps_itself():
    empty = sparse.csr_matrix((2, 2), dtype=bool)
    for norm in ("sym", "rw"):
        np.testing.assert_array_equal(graphs.normalise_adjacency(empty, norm).toarray(), np.eye(2))


def test_leave_one_out_errors_are_those_of_the_definition():
    x = np.array([[0.0], [2], [2], [6]])
    # k = 1: predictions 2, 0, 2, 2 -> (4 + 4 + 0 + 16) / 4; k = 3: means of the others
    errors = smoothing.loo_errors(x, LINE, [1, 3])
    means = (x.sum() - x) / 3
    np.testing.assert_allclose(errors, [6, ((x - means) ** 2).mean()])


def test_the_number_of_neighbours_follows_the_scale_of_the_tissue():
    position = hexagons(41)
    rng = np.random.default_rng(0)

    def chosen(width):
        stripes = np.floor(position[:, :1] / (width * PITCH)) % 2 * 2
        return smoothing.loo_neighbours(stripes + rng.normal(size=(len(position), 5)), position)

    assert chosen(3) < chosen(10) < chosen(40)


def test_candidates_beyond_the_slice_are_refused_or_left_out():
    x = np.arange(4.0)[:, None]
    assert 1 <= smoothing.loo_neighbours(x, LINE) <= 3
    with pytest.raises(SettingsError, match=r"between 1 and 3 \(spots - 1\), got \[4\]"):
        smoothing.loo_errors(x, LINE, [4])
