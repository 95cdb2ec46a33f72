"""Generated slices hold what they promise: geometry, truth, difficulty and images."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from helpers.scale import DISPERSION, large_cells
from scipy.spatial import cKDTree

from tissuegraph.errors import SettingsError
from tissuegraph.synthetic.histology import draw_image, draw_region
from tissuegraph.synthetic.settings import CELLS, LAYERED, PATCHY, SliceSettings
from tissuegraph.synthetic.slices import make_slice
from tissuegraph.synthetic.tissue import draw_tissue, hexagonal_lattice, scatter_cells
from tissuegraph.synthetic.writers import write_space_ranger

SMALL = SliceSettings(n_spots=300, n_genes=300, n_domains=4, hires_px=300, lowres_px=120)


@pytest.fixture(scope="module")
def small():
    return make_slice(SMALL)


# geometry


def test_the_six_neighbours_of_an_inner_spot_are_one_pitch_away():
    row, column, position = hexagonal_lattice(np.array([1000.0, 1000.0]), pitch=100.0)
    assert ((row + column) % 2 == 0).all()
    inner = np.flatnonzero((np.abs(position - 500) < 250).all(axis=1))
    distance, _ = cKDTree(position).query(position[inner], k=8)
    np.testing.assert_allclose(distance[:, 1:7], 100.0)
    assert (distance[:, 7] > 150).all()


def test_neighbours_stay_equidistant_in_whole_pixels(small):
    distance, _ = cKDTree(small.position).query(small.position, k=2)
    np.testing.assert_allclose(distance[:, 1], 100 / SMALL.um_per_px, atol=1.0)
    assert (small.position == np.round(small.position)).all()


@pytest.mark.parametrize("architecture", [LAYERED, PATCHY])
def test_a_slice_has_exactly_the_spots_and_all_the_domains_asked_for(architecture):
    for seed in range(3):
        drawn = make_slice(replace(SMALL, seed=seed, architecture=architecture))
        assert drawn.counts.shape == (300, 300)
        assert len(set(drawn.barcodes) | set(drawn.off_tissue["barcode"])) == 300 + len(
            drawn.off_tissue["row"]
        )
        assert (np.bincount(drawn.domain, minlength=4) >= 5).all()
        assert (drawn.position >= 0).all()
        assert (drawn.position < drawn.image_size).all()


def test_layers_are_met_in_order_along_a_line_across_the_tissue():
    drawn = make_slice(replace(SMALL, n_domains=5))
    centre = np.array([drawn.position[drawn.domain == k].mean(axis=0) for k in range(5)])
    along = (centre - centre[0]) @ (centre[-1] - centre[0])
    assert (np.diff(along) > 0).all()


def test_domains_are_contiguous_where_spots_are_drawn_without_lattice():
    tissue = draw_tissue(replace(SMALL, n_spots=2000, lattice=CELLS, architecture=PATCHY, pitch_um=12.0))
    position = scatter_cells(np.random.default_rng(0), tissue, 2000)
    domain = tissue.domain(position)
    _, near = cKDTree(position).query(position, k=7)
    assert (domain[near[:, 1:]] == domain[:, None]).mean() > 0.85


# truth and reproducibility


def test_annotation_names_the_true_domain_of_every_labelled_spot():
    drawn = make_slice(replace(SMALL, unlabelled=0.1))
    labelled = drawn.annotation != ""
    assert 0.03 < 1 - labelled.mean() < 0.2
    pairs = set(zip(drawn.domain[labelled], drawn.annotation[labelled], strict=True))
    assert pairs == {(0, "Layer 1"), (1, "Layer 2"), (2, "Layer 3"), (3, "White matter")}


def test_the_same_seed_gives_the_same_slice_and_another_seed_another(small):
    again, other = make_slice(SMALL), make_slice(replace(SMALL, seed=1))
    assert (again.counts != small.counts).nnz == 0
    assert (again.image(200)[0] == small.image(200)[0]).all()
    assert (other.counts != small.counts).nnz > 1000
    assert (other.genes == small.genes).all()  # same programme


def test_changing_the_image_leaves_the_counts_alone(small):
    other = make_slice(replace(SMALL, image_signal=0.0, image_follows="other"))
    assert (other.counts != small.counts).nnz == 0


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    digests = []
    for run in ("a", "b"):
        write_space_ranger(make_slice(SMALL), tmp_path / run)
        files = sorted(p for p in (tmp_path / run).rglob("*") if p.is_file())
        digests.append([hashlib.sha256(p.read_bytes()).hexdigest() for p in files])
    assert len(digests[0]) == 6
    assert digests[0] == digests[1]


# expression


def _marker_effect(drawn) -> float:
    """Mean log-expression difference of markers between the domain richest in their type and the rest."""
    depth = drawn.counts.sum(axis=1).A1
    logged = np.log1p(drawn.counts.toarray() / depth[:, None] * np.median(depth))
    effect = []
    for k in range(drawn.settings.n_domains):
        markers = logged[:, drawn.marker_of == drawn.composition[k].argmax()].mean(axis=1)
        effect.append(markers[drawn.domain == k].mean() - markers[drawn.domain != k].mean())
    return float(np.mean(effect))


def test_markers_follow_the_domains_and_stop_at_zero_signal(small):
    assert _marker_effect(small) > 0.1
    silent = replace(SMALL, signal=0.0, nuisance=0.0)
    assert abs(np.mean([_marker_effect(make_slice(replace(silent, seed=s))) for s in range(4)])) < 0.02


def test_without_signal_every_domain_has_the_same_composition():
    composition = make_slice(replace(SMALL, signal=0.0)).composition
    np.testing.assert_allclose(composition, composition[:1].repeat(4, axis=0))
    np.testing.assert_allclose(composition.sum(axis=1), 1.0)


def test_counts_are_overdispersed_whole_numbers_near_the_requested_depth(small):
    assert (small.counts.data == np.round(small.counts.data)).all()
    assert small.counts.data.min() > 0
    assert np.median(small.counts.sum(axis=1).A1) == pytest.approx(SMALL.depth, rel=0.25)
    dense = small.counts.toarray()
    strong = dense.mean(axis=0) > 5
    assert (dense.var(axis=0) > dense.mean(axis=0))[strong].all()


def test_only_a_minority_of_genes_carries_domain_signal(small):
    assert 0.1 < (small.marker_of >= 0).mean() < 0.5


def test_symbols_are_unique_and_follow_the_species(small):
    mouse = make_slice(replace(SMALL, species="mouse"))
    for drawn, prefix in ((small, "MT-"), (mouse, "mt-")):
        assert len(set(drawn.genes)) == len(drawn.genes)
        mito = np.char.startswith(drawn.genes, prefix)
        share = drawn.counts[:, mito].sum() / drawn.counts.sum()
        assert mito.sum() == 13
        assert 0.02 < share < 0.2


def test_damaged_spots_have_few_counts_and_a_high_mitochondrial_share():
    drawn = make_slice(replace(SMALL, damaged=0.1))
    depth = drawn.counts.sum(axis=1).A1
    mito = drawn.counts[:, np.char.startswith(drawn.genes, "MT-")].sum(axis=1).A1 / depth
    poor = depth < 0.3 * np.median(depth)
    assert 0.03 < poor.mean() < 0.2
    assert mito[poor].mean() > 2 * mito[~poor].mean()


def test_slices_of_one_cohort_share_programmes_and_differ_by_a_batch_effect():
    pair = [make_slice(replace(SMALL, seed=s, batch_sd=0.3)) for s in (0, 1)]
    plain = [make_slice(replace(SMALL, seed=s, nuisance=0.0)) for s in (0, 1)]

    def distance(a, b):
        share = [np.asarray(d.counts.sum(axis=0)).ravel() / d.counts.sum() for d in (a, b)]
        return np.abs(np.log(share[0] + 1e-5) - np.log(share[1] + 1e-5)).mean()

    np.testing.assert_allclose(pair[0].composition, pair[1].composition)
    assert distance(*pair) > 1.5 * distance(*plain)


@pytest.mark.parametrize("architecture", [LAYERED, PATCHY])
def test_plain_pca_kmeans_stays_well_below_spatially_smoothed_pca(architecture):
    plain, smooth = np.array([_cluster_scores(architecture, seed) for seed in range(3)]).T
    assert (smooth - plain > 0.15).all()
    assert 0.55 < smooth.mean() < 0.9
    assert smooth.min() > 0.5


def _cluster_scores(architecture: str, seed: int) -> tuple[float, float]:
    """ARI of PCA + KMeans, and of PCA averaged over 19 spots + tied mixture, on a default slice."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import adjusted_rand_score
    from sklearn.mixture import GaussianMixture

    drawn = make_slice(SliceSettings(seed=seed, programme_seed=seed, architecture=architecture, n_spots=900))
    k = drawn.settings.n_domains
    depth = drawn.counts.sum(axis=1).A1
    logged = np.log1p(drawn.counts.toarray() / depth[:, None] * np.median(depth))
    component = PCA(15, random_state=0).fit_transform(logged)
    plain = KMeans(k, n_init=5, random_state=0).fit_predict(component)
    _, near = cKDTree(drawn.position).query(drawn.position, k=19)
    mixture = GaussianMixture(k, covariance_type="tied", n_init=3, tol=1e-5, max_iter=300, random_state=0)
    smooth = mixture.fit_predict(component[near].mean(axis=1))
    return adjusted_rand_score(drawn.domain, plain), adjusted_rand_score(drawn.domain, smooth)


# image


def _colour_variance_explained(drawn) -> float:
    """Share of the variance of the mean colour under a spot that its domain explains, averaged over RGB."""
    image, scale = drawn.image(600)
    radius = 27.5 / drawn.settings.um_per_px * scale
    column, row = np.round(drawn.position.T * scale).astype(int)
    reach = np.arange(-int(radius), int(radius) + 1)
    dy, dx = (g.ravel() for g in np.meshgrid(reach, reach))
    colour = image[
        np.clip(row[:, None] + dy, 0, image.shape[0] - 1),
        np.clip(column[:, None] + dx, 0, image.shape[1] - 1),
    ].mean(axis=1)
    mean = np.array([colour[drawn.domain == k].mean(axis=0) for k in range(drawn.settings.n_domains)])
    return float((mean[drawn.domain].var(axis=0) / colour.var(axis=0)).mean())


def test_colours_follow_the_domains_only_when_asked_to(small):
    assert _colour_variance_explained(small) > 0.5
    assert _colour_variance_explained(make_slice(replace(SMALL, image_signal=0.0))) < 0.1


def test_a_misleading_image_follows_another_domain_map():
    base = replace(SMALL, architecture=PATCHY)
    other = np.mean([
        _colour_variance_explained(make_slice(replace(base, image_follows="other", seed=s))) for s in range(3)
    ])  # fmt: skip
    assert other < 0.6 * _colour_variance_explained(make_slice(base))


def test_tissue_is_darker_than_the_glass_around_it(small):
    image, scale = small.image(300)
    on = np.round(small.position * scale).astype(int)
    off = np.round(small.off_tissue["position"] * scale).astype(int)
    far = cKDTree(small.position).query(small.off_tissue["position"])[0] > 250 / SMALL.um_per_px
    off = np.minimum(off[far], np.array(image.shape[1::-1]) - 1)
    assert image[on[:, 1], on[:, 0]].mean() < image[off[:, 1], off[:, 0]].mean() - 30


def test_a_region_equals_the_same_part_of_the_whole_image(small):
    slide = small.stained()
    whole = draw_image(slide, um_per_px=8.0)
    part = draw_region(slide, (30 * 8.0, 50 * 8.0), (40, 25), um_per_px=8.0)
    assert np.abs(part.astype(int) - whole[50:75, 30:70]).max() <= 1


def test_stain_varies_between_slides(small):
    colours = [make_slice(replace(SMALL, seed=s)).image(150)[0].reshape(-1, 3).mean(axis=0) for s in range(4)]
    assert np.ptp(colours, axis=0).max() > 3


# scale


def test_large_cells_follow_the_domains_and_keep_counts_sparse():
    cells = large_cells(4000, 500, seed=1, n_domains=4)
    assert cells.counts.shape == (4000, 500)
    assert cells.counts.has_canonical_format
    assert 0.05 < cells.counts.nnz / (4000 * 500) < 0.5
    assert (np.bincount(cells.domain, minlength=4) > 100).all()
    silent = large_cells(4000, 500, seed=1, n_domains=4, signal=0.0)
    assert _domain_contrast(cells) > 3 * _domain_contrast(silent)


def _domain_contrast(cells) -> float:
    """Spread of a gene's mean over the domains, in units of its Poisson noise; mean of the top 50 genes."""
    means = np.array([np.asarray(cells.counts[cells.domain == k].mean(axis=0)).ravel() for k in range(4)])
    return float(np.sort(means.std(axis=0) / np.sqrt(means.mean(axis=0)))[-50:].mean())


def test_large_cells_are_reproducible_and_their_variance_exceeds_the_mean():
    first, again = large_cells(2000, 200, seed=3, n_domains=1), large_cells(2000, 200, seed=3, n_domains=1)
    assert (first.counts != again.counts).nnz == 0
    dense = first.counts.toarray()
    ratio = dense.var(axis=0) / dense.mean(axis=0)
    assert np.median(ratio) > 0.95 * DISPERSION


# errors


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("architecture", "round", "architecture is 'round'; it must be one of layered, patchy"),
        ("n_spots", 3, "n_spots is 3; it must be at least 20"),
        ("depth", 0.0, "depth is 0.0; it must be above 0"),
        ("dropout", 1.5, "dropout is 1.5; it must lie between 0 and 1"),
    ],
)
def test_settings_outside_their_range_are_refused(field, value, words):
    with pytest.raises(SettingsError, match=words):
        replace(SMALL, **{field: value})


def test_too_few_genes_for_the_markers_are_refused():
    with pytest.raises(SettingsError, match="too few for"):
        make_slice(replace(SMALL, n_genes=100, marker_share=0.9))
