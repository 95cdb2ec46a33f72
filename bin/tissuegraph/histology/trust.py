"""How much of a fused representation the image should be, judged without labels.

Two views of a slice can tell the same story, or one of them can know nothing of the tissue's domains.
A misleading image is as smooth over the tissue as a helpful one, so smoothness alone cannot tell them
apart. Three questions can:

- is the image coherent over the tissue at all? (permuted tiles are not)
- does it predict the local contrasts of the genes in parts of the slice that it was not fitted on?
- do the genes fall into groups of their own, beyond what smoothing makes of noise?

An image that predicts the genes shares the embedding with them. One that does not gives way to genes
that have groups, and takes over where they have none. This rule is ours, not a paper's.

N spots, D gene features, F image features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from tissuegraph.clustering.mixture import fit_tied
from tissuegraph.clustering.starts import kmeans_start
from tissuegraph.clustering.vote import principal_components
from tissuegraph.errors import InputError
from tissuegraph.histology.view import standardised

N_COMPONENTS = 15  # principal components of each view that are judged
N_PATTERNS = 4  # smooth patterns of the genes that the image has to predict
COHERENT = 0.2  # autocorrelation from which a pattern counts; permuted slices of 200 spots reach about this
MIN_SPOTS = 60  # below this nothing can be told apart
N_BLOCKS, N_FOLDS = 25, 5  # contiguous parts of the slice, left out in turn
RIDGE = 0.05  # of the ridge regression, per spot
N_GROUPS = 6  # components of the mixture whose gain over one Gaussian is measured
SAMPLE = 5_000  # spots that the mixture sees
WIDE = 12  # mean degree from which one step averages over enough spots
# Where each answer goes from no to yes. Real sections, with and without annotation, lie well above the
# second number of `groups`; smooth nuisance without domains lies below the first.
COHERENCE_RANGE = (0.40, 0.60)  # autocorrelation of the image's smoothest pattern
AGREEMENT_RANGE = (0.07, 0.12)  # mean R^2 of local contrasts on left-out blocks
CLEAR_AGREEMENT_RANGE = (0.12, 0.20)  # above, genes have something to say even where no groups are seen
GROUPS_RANGE = (0.30, 0.45)  # log-likelihood per spot


@dataclass(frozen=True)
class ViewEvidence:
    """What the trust was computed from.

    coherence: autocorrelation of the image's smoothest pattern, up to 1; agreement: mean R^2 with which
    the image predicts local contrasts of gene patterns on left-out blocks, at least 0; groups: gain in
    log-likelihood per spot of a mixture over one Gaussian on the genes' patterns, less that of permuted
    spots; trust in [0, 1].
    """

    coherence: float
    agreement: float
    groups: float
    trust: float


def image_trust(genes: np.ndarray, image: np.ndarray, spatial: sparse.csr_matrix) -> float:
    """The share of a fused representation that the image should have, in [0, 1].

    0: genes alone, 1: image alone, about 0.5: both tell the same story. genes (N, D), e.g. principal
    components; image (N, F); spatial: CSR (N, N), symmetric, zero diagonal. Deterministic, linear in N.
    Raises InputError where the rows do not match.
    """
    return view_evidence(genes, image, spatial).trust


def view_evidence(genes: np.ndarray, image: np.ndarray, spatial: sparse.csr_matrix) -> ViewEvidence:
    """`image_trust` with the measurements behind it."""
    n_spots = spatial.shape[0]
    if len(genes) != n_spots or len(image) != n_spots:
        raise InputError(
            f"genes and image need one row per spot ({n_spots}), got {len(genes)} and {len(image)}; "
            "take both from the same slice"
        )
    if n_spots < MIN_SPOTS:
        return ViewEvidence(0.0, 0.0, 0.0, 0.0)
    around, smooth = _averages(spatial)
    gene_score, gene_pattern = spatial_patterns(_leading(genes, standardise=False), around)
    image_score, image_pattern = spatial_patterns(_leading(image, standardise=True), around)
    coherence = float(image_score[0]) if len(image_score) else 0.0
    if coherence <= COHERENCE_RANGE[0]:
        return ViewEvidence(coherence, 0.0, 0.0, 0.0)
    kept = max(1, int((image_score > COHERENT).sum()))
    predicted = max(1, int((gene_score[:N_PATTERNS] > COHERENT).sum()))
    agreement = _agreement(
        _local(image_pattern[:, :kept], smooth),
        _local(gene_pattern[:, :predicted], smooth),
        contiguous_blocks(spatial),
    )
    groups = _groups(genes, around, smooth)
    both = 0.5 * _ramp(agreement, AGREEMENT_RANGE)
    alone = (1 - _ramp(groups, GROUPS_RANGE)) * (1 - _ramp(agreement, CLEAR_AGREEMENT_RANGE))
    return ViewEvidence(coherence, agreement, groups, _ramp(coherence, COHERENCE_RANGE) * max(both, alone))


def spatial_patterns(points: np.ndarray, around: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Uncorrelated combinations of the columns by falling spatial autocorrelation (Moran's I).

    points (N, D); around: CSR (N, N), mean over the neighbours. Returns scores (d,) and patterns (N, d)
    of unit variance; d <= D leaves out directions without variance.
    """
    centred = points - points.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    varies = variance > 1e-6 * max(variance.max(initial=0.0), np.finfo(float).tiny)
    white = centred @ (axes[:, varies] / np.sqrt(variance[varies]))
    lagged = white.T @ (around @ white) / len(white)
    score, rotation = np.linalg.eigh((lagged + lagged.T) / 2)
    return score[::-1], white @ rotation[:, ::-1]


def contiguous_blocks(spatial: sparse.csr_matrix, n_blocks: int = N_BLOCKS) -> np.ndarray:
    """Split the spots into connected parts of similar extent: (N,) int block numbers.

    Centres are placed one after the other at the spot farthest (in graph steps) from all before.
    """
    centres = [0]
    for _ in range(min(n_blocks, spatial.shape[0]) - 1):
        steps = dijkstra(spatial, indices=centres, unweighted=True, min_only=True)
        centres.append(int(steps.argmax()))
    _, _, nearest = dijkstra(
        spatial, indices=centres, unweighted=True, min_only=True, return_predecessors=True
    )
    number = {centre: block for block, centre in enumerate(centres)}
    return np.array([number.get(centre, 0) for centre in nearest.tolist()])


def _averages(spatial: sparse.csr_matrix):
    """Mean over the neighbours (CSR), and a function that averages rows over a spot and its surroundings."""
    weights = sparse.csr_matrix(spatial, dtype=np.float64)
    degree = np.asarray(weights.sum(axis=1)).ravel()
    around = sparse.csr_matrix(sparse.diags(1 / np.maximum(degree, 1)) @ weights)
    looped = sparse.csr_matrix(
        sparse.diags(1 / (degree + 1)) @ (weights + sparse.identity(len(degree), format="csr"))
    )
    steps = 1 if degree.mean() >= WIDE else 2

    def smooth(values: np.ndarray) -> np.ndarray:
        for _ in range(steps):
            values = looped @ values
        return values

    return around, smooth


def _leading(values: np.ndarray, *, standardise: bool) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if standardise:
        values = standardised(values)
    return principal_components(values, min(N_COMPONENTS, values.shape[1]))


def _local(patterns: np.ndarray, smooth) -> np.ndarray:
    """What a place has beyond its surroundings.

    Two maps that know nothing of each other often agree at large, as any two gradients do. They do not
    share the places where one tissue ends and another begins.
    """
    near = smooth(patterns)
    return near - smooth(smooth(near))


def _agreement(image: np.ndarray, genes: np.ndarray, block: np.ndarray) -> float:
    """Mean over gene patterns of the R^2 on left-out blocks, each at least 0; quadratic in the image."""
    first = image[:, :N_PATTERNS]
    products = [first[:, [i]] * first[:, : i + 1] for i in range(first.shape[1])]
    design = np.hstack([image, *products])
    design = (design - design.mean(axis=0)) / np.maximum(design.std(axis=0), 1e-12)
    missed, total = np.zeros(genes.shape[1]), np.zeros(genes.shape[1])
    for fold in range(N_FOLDS):
        left_out = block % N_FOLDS == fold
        if not left_out.any() or left_out.all():
            continue
        known, mean = design[~left_out], genes[~left_out].mean(axis=0)
        centre = known.mean(axis=0)
        known = known - centre
        gram = known.T @ known + RIDGE * len(known) * np.eye(known.shape[1])
        slope = np.linalg.solve(gram, known.T @ (genes[~left_out] - mean))
        predicted = (design[left_out] - centre) @ slope + mean
        missed += ((genes[left_out] - predicted) ** 2).sum(axis=0)
        total += ((genes[left_out] - mean) ** 2).sum(axis=0)
    return float(np.clip(1 - missed / np.maximum(total, 1e-12), 0, 1).mean())


def _groups(genes: np.ndarray, around: sparse.csr_matrix, smooth) -> float:
    """How much better groups describe the genes' smooth patterns than they do those of permuted spots."""
    points = _leading(genes, standardise=False)
    rng = np.random.default_rng(0)
    shuffled = points[rng.permutation(len(points))]
    seen = np.sort(rng.choice(len(points), min(SAMPLE, len(points)), replace=False))
    gain = []
    for values in (points, shuffled):
        patterns = smooth(spatial_patterns(values, around)[1][:, :N_PATTERNS])[seen]
        gain.append(_mixture_gain(patterns))
    return gain[0] - gain[1]


def _mixture_gain(points: np.ndarray) -> float:
    """Log-likelihood per point of N_GROUPS tied Gaussians beyond that of one."""
    one = fit_tied(points, np.zeros(len(points), dtype=int), n_components=1).log_likelihood
    many = max(
        fit_tied(
            points, kmeans_start(points, N_GROUPS, run), n_components=N_GROUPS, tolerance=1e-4
        ).log_likelihood
        for run in range(3)
    )
    return (many - one) / len(points)


def _ramp(value: float, limits: tuple[float, float]) -> float:
    """0 below the first limit, 1 above the second, linear between."""
    low, high = limits
    return float(np.clip((value - low) / (high - low), 0, 1))
