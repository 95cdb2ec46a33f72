"""Baselines from sparse references and sums of products: equal to the dense textbook forms."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tissuegraph.spahgc.baselines import Products, RidgePath, knn_path, mean_prediction

RNG = np.random.default_rng(0)
IMAGES = [RNG.normal(size=(n, 6)).astype(np.float32) for n in (30, 45, 8)]
EXPRESSION = [sparse.csr_matrix(RNG.poisson(1, (len(each), 5)).astype(np.float32)) for each in IMAGES]
TARGETS = RNG.normal(size=(11, 6)).astype(np.float32)


def products_of(images, expression):
    first, *others = map(Products.of, images, expression)
    for each in others:
        first = first + each
    return first


@pytest.mark.parametrize("penalty", [1.0, 100.0, 1e6])
def test_ridge_from_products_is_scikit_learns(penalty):
    images = [np.column_stack([each * 3 + 1, np.full(len(each), 2.0)]).astype(np.float32) for each in IMAGES]
    targets = np.column_stack([TARGETS * 3 + 1, np.full(len(TARGETS), 2.0)]).astype(np.float32)
    scaler = StandardScaler().fit(np.concatenate(images).astype(np.float64))
    dense = np.concatenate([each.toarray() for each in EXPRESSION])
    fitted = Ridge(alpha=penalty).fit(scaler.transform(np.concatenate(images)), dense)
    found = RidgePath(products_of(images, EXPRESSION)).with_penalty(penalty).predict(targets)
    np.testing.assert_allclose(found, fitted.predict(scaler.transform(targets)), rtol=1e-4, atol=1e-5)


def test_products_of_slices_add_up_and_come_apart():
    together = products_of(IMAGES, EXPRESSION)
    whole = Products.of(np.concatenate(IMAGES), sparse.vstack(EXPRESSION, format="csr"))
    np.testing.assert_allclose(together.image_expression, whole.image_expression, atol=1e-9)
    rest = whole - Products.of(IMAGES[1], EXPRESSION[1])
    expected = products_of([IMAGES[0], IMAGES[2]], [EXPRESSION[0], EXPRESSION[2]])
    assert rest.n_spots == expected.n_spots == 38
    for name in ("image", "expression", "image_image", "image_expression"):
        np.testing.assert_allclose(getattr(rest, name), getattr(expected, name), atol=1e-9)


def test_neighbours_over_several_slices_are_those_of_one_dense_table():
    image = np.concatenate(IMAGES)
    dense = np.concatenate([each.toarray() for each in EXPRESSION])
    unit = image / np.linalg.norm(image, axis=1, keepdims=True)
    order = np.argsort(-(TARGETS / np.linalg.norm(TARGETS, axis=1, keepdims=True)) @ unit.T, axis=1)
    neighbours = (3, 7, 80, 200)  # of 83 references
    for k, found in zip(neighbours, knn_path(IMAGES, EXPRESSION, TARGETS, neighbours), strict=True):
        np.testing.assert_allclose(found, dense[order[:, :k]].mean(axis=1), rtol=1e-5, atol=1e-6)


def test_the_mean_is_that_of_all_spots():
    dense = np.concatenate([each.toarray() for each in EXPRESSION])
    np.testing.assert_allclose(mean_prediction(EXPRESSION, 2), np.tile(dense.mean(axis=0), (2, 1)), rtol=1e-6)
