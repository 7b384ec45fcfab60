import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recommenders_tf import models
from tests.recommenders_tf.models.collaborative.small_ratings import (
    fitted_at_random,
    ids,
    known_ratings,
)


def rebuilt(model: models.AutoRecUser, own: dict[int, float]) -> np.ndarray:
    """Return h(r) of one user by the equation, rating by rating."""
    inner, outer = model.encoder, model.decoder
    total = inner.bias.numpy().astype(np.float64)
    for item, rating in own.items():
        total = total + rating * inner.kernel.numpy()[item]
    hidden = 1 / (1 + np.exp(-total))
    return hidden @ outer.kernel.numpy() + outer.bias.numpy() + float(model.mean)


@pytest.fixture(scope="module")
def trained():
    return fitted_at_random(models.AutoRecUser, hidden_dim=3, l2=0.7)


def test_equation_and_loss(trained) -> None:
    log, model = trained
    ratings = known_ratings(log)
    users = ids(log, "user", "abcd")
    squares = 0.0
    scores = model.encode_query({"user": tf.constant(users)}).numpy()
    for row, user in enumerate(users):
        own = {item: rating for (u, item), rating in ratings.items() if u == user}
        expected = rebuilt(model, own)
        squares += sum((expected[item] - rating) ** 2 for item, rating in own.items())
        items = ids(log, "item", "pqrs")
        np.testing.assert_allclose(scores[row, items], expected[items], rtol=1e-4)
    matrices = [model.encoder.kernel.numpy(), model.decoder.kernel.numpy()]
    penalty = 0.7 / 2 * sum((matrix**2).sum() for matrix in matrices)
    loss = float(model.compute_loss({"user": tf.constant(users)}))
    np.testing.assert_allclose(loss, squares / 4 + penalty / model.num_users, rtol=1e-4)


def test_only_what_was_rated_is_learned(trained) -> None:
    log, model = trained
    user = ids(log, "user", "a")
    with tf.GradientTape() as tape:
        loss = model.compute_loss({"user": tf.constant(user)})
    moved = np.flatnonzero(tape.gradient(loss, model.decoder.bias).numpy())
    assert set(moved) == set(ids(log, "item", "pqr"))


def test_means_answer_for_who_and_what_has_no_ratings(trained) -> None:
    log, model = trained
    ratings = known_ratings(log)
    mean = np.mean(list(ratings.values()))
    p = int(ids(log, "item", "p")[0])
    own = [rating for (_, item), rating in ratings.items() if item == p]
    pairs = pd.DataFrame({"user": ["nobody", "e", "a", "e"], "item": ["p", "p", "t", "none"]})
    damped = (sum(own) + 10 * mean) / (len(own) + 10)
    np.testing.assert_allclose(model.score(pairs), [damped, damped, mean, mean], rtol=1e-5)


def test_evaluate_has_the_errors_of_ratings(trained) -> None:
    log, model = trained
    test = log.log
    test = type(test)(test.events.dropna(), test.users, test.items, test.schema)
    found = model.evaluate(test)
    errors = model.score(test.events) - test.events["rating"].to_numpy()
    np.testing.assert_allclose(found["RMSE"], np.sqrt((errors**2).mean()), rtol=1e-5)
    np.testing.assert_allclose(found["MAE"], np.abs(errors).mean(), rtol=1e-5)
    assert "NDCG@10" in found
