from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from recommenders_tf.models.collaborative import ease
from recommenders_tf.models.collaborative.ease import EASE, ease_weights
from tests.recommenders_tf.models.collaborative.matrices import (
    fitted,
    ratings,
    scores,
    scores_of_request,
    source,
)

VALUES = ratings(users=40, items=9)
X = np.zeros((42, 11), np.float32)
X[2:, 2:] = ~np.isnan(VALUES)


def least_squares(l2: float) -> np.ndarray:
    """Return B column by column: each item from all others, a ridge regression."""
    gram = X.T @ X
    weights = np.zeros_like(gram)
    for item in range(len(gram)):
        others = [i for i in range(len(gram)) if i != item]
        regular = gram[np.ix_(others, others)] + l2 * np.eye(len(others))
        weights[others, item] = np.linalg.solve(regular, gram[others, item])
    return weights


@pytest.mark.parametrize(("most_in_double", "most_in_lapack"), [(2**14, 11), (1, 11), (1, 3)])
def test_weights_are_those_of_a_regression_on_all_others(
    most_in_double, most_in_lapack, monkeypatch
) -> None:
    monkeypatch.setattr(ease, "_MOST_IN_DOUBLE", most_in_double)
    monkeypatch.setattr(ease, "_MOST_IN_LAPACK", most_in_lapack)
    monkeypatch.setattr(ease, "_BLOCK_ROWS", 4)
    weights, error = ease_weights(sparse.csr_matrix(X), 3.0)
    assert weights.dtype == (np.float64 if most_in_double > 1 else np.float32)
    expected = least_squares(3.0)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    users = X.any(axis=1).sum()
    assert error == pytest.approx(((X - X @ expected) ** 2).sum() / users, rel=1e-4)


@pytest.mark.parametrize("cost_of_sparse", [1, 1000])
def test_scores(cost_of_sparse, monkeypatch) -> None:
    monkeypatch.setattr(ease, "_BLOCK_ROWS", 4)
    monkeypatch.setattr(ease, "_COST_OF_SPARSE", cost_of_sparse)
    model = fitted(EASE, VALUES, l2=3.0)
    expected = (X @ least_squares(3.0))[2:, 2:]
    np.testing.assert_allclose(scores(model, 0, 5), expected[[0, 5]], atol=1e-5)
    np.testing.assert_allclose(scores_of_request(model, VALUES[5]), expected[5], atol=1e-5)


@pytest.mark.parametrize(("rows", "met", "is_dense"), [(1, 8, False), (4, 2, False), (4, 3, True)])
def test_items_that_nobody_met_cost_nothing(rows, met, is_dense, monkeypatch) -> None:
    monkeypatch.setattr(ease, "_COST_OF_SPARSE", 4)  # so a share of a fourth, of 11 items 2
    model = EASE(source(VALUES).schema)
    values = np.zeros((rows, 11), np.float32)
    values[:, :met] = 1.0
    taken = []
    monkeypatch.setattr(ease.tf, "matmul", lambda *_: taken.append("dense"))
    monkeypatch.setattr(ease.tf.sparse, "sparse_dense_matmul", lambda *_: taken.append("sparse"))
    model.score_items(tf.constant(values), tf.constant(values > 0))
    assert taken == ["dense" if is_dense else "sparse"]


def test_l2_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`l2` must be above 0, .* Received: 0"):
        EASE(source(VALUES).schema, l2=0)


def test_too_many_items_are_refused_before_memory_ends(monkeypatch) -> None:
    schema = source(VALUES).schema
    pages = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 4 * 11**2}
    monkeypatch.setattr(ease.os, "sysconf", pages.__getitem__)
    model = EASE(schema)  # the weights alone fit
    with pytest.raises(ValueError, match="every pair of 11 items"):
        model.solve(sparse.csr_matrix(X))
    pages["SC_PHYS_PAGES"] -= 1
    with pytest.raises(ValueError, match=r"`--min-item-events`\), or take `slim` or `item_knn`"):
        EASE(schema)
