from __future__ import annotations

import numpy as np
import pytest

from recommenders_tf.models.collaborative.item_knn import ItemKNN
from recommenders_tf.schema import SchemaError
from tests.recommenders_tf.models.collaborative.matrices import (
    fitted,
    ratings,
    scores,
    scores_of_request,
    similarities,
    source,
)

VALUES = ratings()
MET = np.where(np.isnan(VALUES), np.nan, 1.0)


@pytest.mark.parametrize(
    ("kind", "shrinkage", "num_neighbours"),
    [("cosine", 0.0, 3), ("cosine", 2.0, 20), ("jaccard", 0.5, 2)],
)
def test_sums_of_what_was_met(kind: str, shrinkage: float, num_neighbours: int) -> None:
    model = fitted(
        ItemKNN, VALUES, num_neighbours=num_neighbours, similarity=kind, shrinkage=shrinkage
    )
    near = similarities(MET.T, kind, shrinkage, num_neighbours)
    for user in (0, 1, 7, 11):
        expected = [sum(near[j, i] for i in np.flatnonzero(MET[user] == 1)) for j in range(9)]
        np.testing.assert_allclose(scores(model, user)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["cosine", "pearson", "adjusted_cosine", "jaccard"])
def test_weighted_means_of_ratings(kind: str) -> None:
    near = similarities(VALUES.T, kind, 1.0, 3)
    arguments = {"num_neighbours": 3, "similarity": kind, "shrinkage": 1.0, "ratings": True}
    sums, means = (fitted(ItemKNN, VALUES, weighted_mean=m, **arguments) for m in (False, True))
    for user in (0, 1, 7):
        rated = np.flatnonzero(~np.isnan(VALUES[user]))
        top = np.array([sum(near[j, i] * VALUES[user, i] for i in rated) for j in range(9)])
        bottom = np.array([sum(near[j, i] for i in rated) for j in range(9)])
        np.testing.assert_allclose(scores(sums, user)[0], top, rtol=1e-4, atol=1e-5)
        expected = np.where(bottom > 0, top / np.maximum(bottom, 1e-9), VALUES[user, rated].mean())
        np.testing.assert_allclose(scores(means, user)[0], expected, rtol=1e-4)
        assert (bottom == 0).any()  # some item has no rated neighbour


def test_the_divisor_leans_to_the_norm_of_the_item_that_is_scored() -> None:
    model = fitted(ItemKNN, VALUES, num_neighbours=20, asymmetry=0.2, shrinkage=1.5)
    met = MET == 1
    counts = met.sum(axis=0)
    for user in (0, 7):
        expected = [
            sum(
                (met[:, i] & met[:, j]).sum() / (counts[j] ** 0.2 * counts[i] ** 0.8 + 1.5)
                for i in np.flatnonzero(met[user])
                if i != j
            )
            for j in range(9)
        ]
        np.testing.assert_allclose(scores(model, user)[0], expected, rtol=1e-5)


def test_who_met_much_says_less_of_what_is_alike() -> None:
    model = fitted(ItemKNN, VALUES, num_neighbours=20, inverse_user_frequency=True)
    met = (MET == 1).astype(float)
    # Eight of the items were met by anybody.
    weights = np.log(8 / np.maximum(met.sum(axis=1), 1))[:, np.newaxis] * met
    norms = np.maximum(np.linalg.norm(weights, axis=0), 1e-9)
    near = (weights / norms).T @ (weights / norms)
    np.fill_diagonal(near, 0)
    np.testing.assert_allclose(scores(model, 0, 7), (met @ near)[[0, 7]], rtol=1e-4)


def test_a_request_is_answered_as_a_user_of_training_who_met_the_same() -> None:
    model = fitted(ItemKNN, VALUES, ratings=True, num_neighbours=4)
    np.testing.assert_allclose(scores_of_request(model, VALUES[7]), scores(model, 7)[0], rtol=1e-5)


def test_who_has_met_nothing_gets_the_most_popular_or_the_best_rated() -> None:
    shares = np.mean(~np.isnan(np.delete(VALUES, 3, axis=0)), axis=0)
    np.testing.assert_allclose(scores(fitted(ItemKNN, VALUES), 3, -1), [shares, shares], rtol=1e-6)
    rated = fitted(ItemKNN, VALUES, ratings=True, weighted_mean=True)
    means = np.array([np.nanmean(column) if i != 4 else 0 for i, column in enumerate(VALUES.T)])
    means[4] = np.nanmean(VALUES)
    np.testing.assert_allclose(scores(rated, 3)[0], means, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": "dot"}, "`similarity` must be one of cosine, .* Received: 'dot'"),
        ({"num_neighbours": 0}, "`num_neighbours` must be at least 1. Received: 0"),
        ({"shrinkage": -1.0}, "`shrinkage` must be at least 0. Received: -1.0"),
        ({"asymmetry": 1.5}, "`asymmetry` must lie between 0 and 1. Received: 1.5"),
        ({"similarity": "pearson"}, "'pearson' compares ratings, .*: set `ratings`"),
        ({"weighted_mean": True}, "`weighted_mean` is one of ratings, .*: set `ratings`"),
    ],
)
def test_what_does_not_go_together_is_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ItemKNN(source(VALUES).schema, **arguments)


def test_ratings_need_a_label() -> None:
    schema = source(VALUES).schema
    bare = type(schema)([c for c in schema.columns.values() if c.name != "rating"], "bare")
    with pytest.raises(SchemaError, match="`bare` has no label"):
        ItemKNN(bare, ratings=True)
