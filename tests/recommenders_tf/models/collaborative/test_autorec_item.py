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


@pytest.fixture(scope="module")
def trained():
    return fitted_at_random(models.AutoRecItem, hidden_dim=3, l2=0.7)


def rebuilt(model: models.AutoRecItem, own: dict[int, float]) -> np.ndarray:
    """Return h(r) of one item by the equation, rating by rating."""
    total = model.encoder.bias.numpy().astype(np.float64)
    for user, rating in own.items():
        total = total + rating * model.encoder.kernel.numpy()[user]
    hidden = 1 / (1 + np.exp(-total))
    deviations = model.user_vectors.numpy() @ hidden + model.user_biases.numpy()
    return deviations + float(model.mean)


def test_equation_and_loss(trained) -> None:
    log, model = trained
    ratings = known_ratings(log)
    items = ids(log, "item", "pqrs")
    squares = 0.0
    for letter, item in zip("pqrs", items, strict=True):
        own = {user: rating for (user, i), rating in ratings.items() if i == item}
        expected = rebuilt(model, own)
        squares += sum((expected[user] - rating) ** 2 for user, rating in own.items())
        pairs = pd.DataFrame({"user": list("abcd"), "item": letter})
        wanted = expected[ids(log, "user", "abcd")]
        np.testing.assert_allclose(model.score(pairs), wanted, rtol=1e-4)
    matrices = [model.encoder.kernel.numpy(), model.user_vectors.numpy()]
    penalty = 0.7 / 2 * sum((matrix**2).sum() for matrix in matrices)
    loss = float(model.compute_loss({"item": tf.constant(items)}))
    np.testing.assert_allclose(loss, squares / 4 + penalty / model.num_items, rtol=1e-4)


def test_it_trains_on_the_items_that_have_ratings(trained) -> None:
    log, model = trained
    rows = model.training_rows(log)
    found = [batch["item"].numpy() for batch in rows.batches(9, shuffle=False)]
    assert sorted(np.concatenate(found)) == sorted(ids(log, "item", "pqrs"))


def test_means_answer_for_who_and_what_has_no_ratings(trained) -> None:
    log, model = trained
    ratings = known_ratings(log)
    mean = np.mean(list(ratings.values()))
    p = int(ids(log, "item", "p")[0])
    own = [rating for (_, item), rating in ratings.items() if item == p]
    damped = (sum(own) + 10 * mean) / (len(own) + 10)
    pairs = pd.DataFrame({"user": ["nobody", "e", "a", "e"], "item": ["p", "p", "t", "none"]})
    np.testing.assert_allclose(model.score(pairs), [damped, damped, mean, mean], rtol=1e-5)


def test_evaluate_has_the_errors_of_ratings(trained) -> None:
    log, model = trained
    test = log.log
    test = type(test)(test.events.dropna(), test.users, test.items, test.schema)
    errors = model.score(test.events) - test.events["rating"].to_numpy()
    np.testing.assert_allclose(model.evaluate(test)["RMSE"], np.sqrt((errors**2).mean()), rtol=1e-5)
