from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.models.collaborative.user_knn import UserKNN
from recommenders_tf.schema import FIRST_ID
from tests.recommenders_tf.models.collaborative.matrices import (
    fitted,
    ratings,
    scores,
    scores_of_request,
    similarities,
)

VALUES = ratings(seed=1)
MET = np.where(np.isnan(VALUES), np.nan, 1.0)


def weighted_mean(values: np.ndarray, near: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the ratings that neighbours with these similarities predict, by loops."""
    expected = []
    for item in range(values.shape[1]):
        raters = [v for v in np.flatnonzero(near) if not np.isnan(values[v, item])]
        total = sum(near[v] for v in raters)
        moved = sum(near[v] * (values[v, item] - np.nanmean(values[v])) for v in raters)
        expected.append(np.nanmean(row) + (moved / total if raters else 0.0))
    return np.array(expected)


@pytest.mark.parametrize(("kind", "shrinkage"), [("cosine", 0.0), ("jaccard", 2.0)])
def test_sums_over_neighbours(kind: str, shrinkage: float) -> None:
    model = fitted(UserKNN, VALUES, num_neighbours=4, similarity=kind, shrinkage=shrinkage)
    near = similarities(MET, kind, shrinkage, 4)
    for user in (0, 2, 9):
        expected = near[user] @ np.nan_to_num(MET)
        np.testing.assert_allclose(scores(model, user)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["cosine", "pearson", "adjusted_cosine", "jaccard"])
def test_weighted_means_of_ratings(kind: str) -> None:
    arguments = {"num_neighbours": 4, "similarity": kind, "shrinkage": 0.5, "ratings": True}
    model = fitted(UserKNN, VALUES, weighted_mean=True, **arguments)
    near = similarities(VALUES, kind, 0.5, 4)
    for user in (0, 2, 9):
        expected = weighted_mean(VALUES, near[user], VALUES[user])
        np.testing.assert_allclose(scores(model, user)[0], expected, rtol=1e-4)


@pytest.mark.parametrize("kind", ["cosine", "pearson", "adjusted_cosine", "jaccard"])
def test_who_is_new_is_compared_with_the_users_of_training(kind: str) -> None:
    arguments = {"num_neighbours": 4, "similarity": kind, "shrinkage": 0.5, "ratings": True}
    model = fitted(UserKNN, VALUES, weighted_mean=True, **arguments)
    row = ratings(seed=5)[0]
    # The mean of an item is that of training, which the new row must not move.
    rows = np.vstack([VALUES, row])
    if kind == "adjusted_cosine":
        means = [np.nanmean(c) if not np.isnan(c).all() else np.nanmean(VALUES) for c in VALUES.T]
        near = similarities(rows - means, "cosine", 0.5, 4)[-1, :-1]
    else:
        near = similarities(rows, kind, 0.5, 4)[-1, :-1]
    np.testing.assert_allclose(
        scores_of_request(model, row), weighted_mean(VALUES, near, row), rtol=1e-4
    )


def test_who_has_met_more_since_is_compared_anew_and_never_with_oneself() -> None:
    model = fitted(UserKNN, VALUES, num_neighbours=3)
    row = VALUES[2].copy()
    row[np.flatnonzero(np.isnan(row))[0]] = 1.0
    rows = np.where(np.isnan(np.vstack([np.delete(VALUES, 2, axis=0), row])), np.nan, 1.0)
    near = similarities(rows, "cosine", 0.0, 3)[-1, :-1]
    expected = near @ np.nan_to_num(rows[:-1])
    np.testing.assert_allclose(scores_of_request(model, row, user=2), expected, rtol=1e-5)


def test_the_neighbours_of_training_are_those_that_a_comparison_finds() -> None:
    model = fitted(UserKNN, VALUES, num_neighbours=3, similarity="pearson", ratings=True)
    kept = scores_of_request(model, VALUES[2], user=2)
    np.testing.assert_array_equal(kept, scores(model, 2)[0])
    rated = ~np.isnan(VALUES[2])
    user = tf.constant(2 + FIRST_ID, tf.int64)
    items = tf.constant(np.flatnonzero(rated) + FIRST_ID)
    others, near = model._nearest(user, items, tf.constant(VALUES[2][rated], tf.float32))
    rows, values = model.neighbours.entries(user[tf.newaxis])
    order = np.argsort(others.numpy())
    np.testing.assert_array_equal(others.numpy()[order], rows.flat_values.numpy())
    np.testing.assert_allclose(near.numpy()[order], values.numpy(), rtol=1e-5)


def test_who_has_met_nothing_gets_the_most_popular() -> None:
    shares = np.mean(~np.isnan(np.delete(VALUES, 3, axis=0)), axis=0)
    np.testing.assert_allclose(scores(fitted(UserKNN, VALUES), 3, -1), [shares, shares], rtol=1e-6)
