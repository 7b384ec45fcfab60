from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import QuotientRemainderEmbedding
from tests.harness import run_layer_test

IDS = tf.constant([[0, 1, 2], [3, 12, 51]], tf.int64)
COMPOSE = {
    "add": np.add,
    "multiply": np.multiply,
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
}


@pytest.mark.parametrize("operation", COMPOSE)
def test_layer_contract(operation: str) -> None:
    run_layer_test(lambda: QuotientRemainderEmbedding(52, 6, operation), (IDS,), (2, 3, 6), 2)


@pytest.mark.parametrize("operation", COMPOSE)
@pytest.mark.parametrize(("collisions", "rows"), [(None, (8, 7)), (5, (5, 10)), (1, (1, 50))])
def test_the_equation(operation: str, collisions: int | None, rows: tuple[int, int]) -> None:
    layer = QuotientRemainderEmbedding(52, 6, operation, collisions)
    layer(IDS)
    quotient, remainder = (
        np.random.default_rng(0).normal(size=w.shape) for w in layer.get_weights()
    )
    assert (len(quotient) - 2, len(remainder) - 2) == rows
    layer.set_weights([quotient, remainder])
    ids = np.arange(2, 52)
    quotients, remainders = np.divmod(ids - 2, rows[1])
    expected = COMPOSE[operation](quotient[2:][quotients], remainder[2:][remainders])
    np.testing.assert_allclose(layer(ids), expected, rtol=1e-5, atol=1e-6)
    reserved = COMPOSE[operation](quotient[:2], remainder[:2])
    np.testing.assert_allclose(layer(tf.constant([0, 1])), reserved, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("operation", COMPOSE)
def test_every_id_learns_a_vector_of_its_own(operation: str) -> None:
    tf.keras.utils.set_random_seed(1)
    layer = QuotientRemainderEmbedding(52, 6, operation, initializer="normal")
    ids = tf.range(52)
    assert not layer(ids)[:2].numpy().any()
    wanted = tf.random.normal([52, 6])
    optimizer = tf.keras.optimizers.Adam(0.05)
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(ids) - wanted) ** 2)
        optimizer.minimize(loss, layer.trainable_weights, tape=tape)
    vectors = layer(ids).numpy()
    assert len(np.unique(vectors.round(5), axis=0)) == 52
    assert vectors[:2].any(axis=1).all(), "padding and unknown learn too"


@pytest.mark.parametrize("operation", ["add", "multiply"])
def test_begins_as_the_initializer_draws(operation: str) -> None:
    layer = QuotientRemainderEmbedding(1002, 8, operation, 10, tf.keras.initializers.Constant(0.3))
    np.testing.assert_allclose(layer(tf.range(2, 1002)), np.full((1000, 8), 0.3), rtol=1e-6)


def test_a_single_weight_is_a_sum() -> None:
    layer = QuotientRemainderEmbedding(52, 1, "concat")
    layer(IDS)
    assert {tuple(w.shape) for w in layer.weights} == {(10, 1), (9, 1)}
    layer.set_weights([np.full((10, 1), 2.0), np.full((9, 1), 3.0)])
    assert layer(IDS).numpy().ravel().tolist() == [5.0] * 6


def test_few_rows_stand_for_many_ids_and_their_gradients_are_sparse() -> None:
    layer = QuotientRemainderEmbedding(50_000_002, 4, collisions=1000)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant([2, 50_000_001], tf.int64)))
    assert sum(w.shape[0] for w in layer.weights) == 1000 + 50_000 + 2 * 2
    for gradient in tape.gradient(loss, layer.trainable_weights):
        assert isinstance(gradient, tf.IndexedSlices)


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(ValueError, match="`operation` is `max`; it must be add, multiply or conc"):
        QuotientRemainderEmbedding(10, 4, "max")
