import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import models
from tests.recommenders_tf.models.collaborative.small_ratings import (
    encoded,
    ids,
    known_ratings,
    set_at_random,
)


def fitted(**arguments):
    log = encoded()
    model = models.DeepRec(log.schema, hidden_units=[3, 2], dropout=0.0, **arguments)
    model.compile()
    model.fit(log, batch_size=2, epochs=1, verbose=0)
    set_at_random(model)
    return log, model


def selu(values: np.ndarray) -> np.ndarray:
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return scale * np.where(values > 0, values, alpha * (np.exp(values) - 1))


def rebuilt(model, ratings: np.ndarray) -> np.ndarray:
    """Return f(x) of rows of ratings, by the equation."""
    layers = [*model.encoder, *model.decoder.blocks[::2]]
    for place, layer in enumerate(layers):
        ratings = ratings @ layer.kernel.numpy().astype(np.float64) + layer.bias.numpy()
        if place < len(layers) - 1:
            ratings = selu(ratings)
    return ratings + float(model.mean)


def matrix(model, log) -> tuple[np.ndarray, np.ndarray]:
    """Return the ratings of the users a to d, and which there are."""
    shape = (model.num_users, model.num_items)
    values, known = np.zeros(shape), np.zeros(shape, bool)
    for pair, rating in known_ratings(log).items():
        values[pair], known[pair] = rating, True
    users = ids(log, "user", "abcd")
    return values[users], known[users]


def test_equation_and_loss_with_refeeding() -> None:
    log, model = fitted(num_refeedings=2)
    values, known = matrix(model, log)
    batch = {"user": tf.constant(ids(log, "user", "abcd"))}
    once = rebuilt(model, values)
    twice = rebuilt(model, once)
    thrice = rebuilt(model, twice)
    items = ids(log, "item", "pqrs")
    np.testing.assert_allclose(
        model.encode_query(batch).numpy()[:, items], once[:, items], rtol=1e-4
    )
    rated = ((once - values)[known] ** 2).mean()
    np.testing.assert_allclose(model.compute_loss(batch), rated, rtol=1e-4)
    fed = ((twice - once) ** 2).mean() + ((thrice - twice) ** 2).mean()
    np.testing.assert_allclose(model.compute_loss(batch, training=True), rated + fed, rtol=1e-4)


def test_what_is_fed_again_is_an_example_and_not_a_function_of_the_weights() -> None:
    log, model = fitted()
    values, known = matrix(model, log)
    once = rebuilt(model, values)

    def loss() -> float:
        rated = ((rebuilt(model, values) - values)[known] ** 2).mean()
        return rated + ((rebuilt(model, once) - once) ** 2).mean()  # of the same example

    with tf.GradientTape() as tape:
        found = model.compute_loss({"user": tf.constant(ids(log, "user", "abcd"))}, training=True)
    kernel = model.encoder[1].kernel
    gradient, step = tape.gradient(found, kernel).numpy(), 1e-3
    before = kernel.numpy()
    for place in np.ndindex(*before.shape):
        sides = []
        for sign in (1, -1):
            moved = before.copy()
            moved[place] += sign * step
            kernel.assign(moved)
            sides.append(loss())
        kernel.assign(before)
        np.testing.assert_allclose(
            gradient[place], (sides[0] - sides[1]) / (2 * step), rtol=2e-2, atol=1e-2
        )


def test_dropout_is_at_the_code_alone() -> None:
    log = encoded()
    model = models.DeepRec(log.schema, hidden_units=[4, 3], dropout=0.8)
    model.training_rows(log)
    inputs = tf.sparse.from_dense(tf.constant([[1.0], [5.0]]) * tf.ones([2, model.num_items]))
    before = model.reconstruct(inputs, training=False).numpy()
    assert np.abs(before[0] - before[1]).max() > 0.01
    model.drop = lambda code, training: tf.zeros_like(code)  # all of the code
    scores = model.reconstruct(inputs, training=True).numpy()
    np.testing.assert_allclose(scores[0], scores[1])
    assert [layer.dropout for layer in (model.encoder[0], model.decoder)] == [0.0, 0.0]


def test_no_width_is_an_error() -> None:
    with pytest.raises(ValueError, match="`hidden_units` must name"):
        models.DeepRec(encoded().schema, hidden_units=[])
