import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers.sparse_dense import SparseDense
from tests.harness import run_layer_test

INPUTS = tf.constant([[0.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.5, 0.0]])


def test_contract() -> None:
    run_layer_test(lambda: SparseDense(4, 3, "tanh"), (INPUTS,), (3, 3), 2)
    run_layer_test(lambda: SparseDense(4, 3, dropout=0.5), (INPUTS,), (3, 3), 2)


def test_rows_without_their_zeros_give_what_the_equation_says() -> None:
    layer = SparseDense(4, 3, "sigmoid")
    result = layer(tf.sparse.from_dense(INPUTS)).numpy()
    layer.bias.assign([1.0, -2.0, 0.5])
    changed = layer(tf.sparse.from_dense(INPUTS)).numpy()
    kernel = layer.kernel.numpy()
    for row, (before, after) in enumerate(zip(result, changed, strict=True)):
        total = sum(INPUTS[row, i].numpy() * kernel[i] for i in range(4))
        np.testing.assert_allclose(before, 1 / (1 + np.exp(-total)), rtol=1e-5)
        np.testing.assert_allclose(
            after, 1 / (1 + np.exp(-total - np.array([1, -2, 0.5]))), rtol=1e-5
        )
    np.testing.assert_allclose(layer(INPUTS), changed, rtol=1e-6)


def test_gradients_of_sparse_and_dense_rows_are_the_same() -> None:
    layer = SparseDense(4, 3, "tanh")
    found = []
    for inputs in (INPUTS, tf.sparse.from_dense(INPUTS)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(inputs) ** 2)
        found.append(tape.gradient(loss, layer.trainable_weights))
    for dense, of_sparse in zip(*found, strict=True):
        assert np.abs(dense).max() > 0
        np.testing.assert_allclose(dense, of_sparse, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prepare", [tf.identity, tf.sparse.from_dense])
def test_training_drops_values_and_scales_the_others(prepare) -> None:
    layer = SparseDense(1000, 1000, dropout=0.75)
    layer.build(None)
    layer.kernel.assign(tf.eye(1000))
    inputs = prepare(tf.ones([1, 1000]))
    dropped = layer(inputs, training=True).numpy()
    assert set(np.unique(dropped)) == {0.0, 4.0}
    assert 150 < np.count_nonzero(dropped) < 350
    np.testing.assert_array_equal(layer(inputs, training=False), np.ones([1, 1000]))
