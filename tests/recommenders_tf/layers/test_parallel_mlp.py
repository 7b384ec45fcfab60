import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import ParallelDense, ParallelMLP
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
FOR_ALL = RANDOM.normal(size=(5, 3)).astype(np.float32)
FOR_EACH = RANDOM.normal(size=(5, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("inputs", [FOR_ALL, FOR_EACH])
def test_contract(inputs) -> None:
    run_layer_test(lambda: ParallelDense(4, 2), (tf.constant(inputs),), (5, 4, 2), 2)
    run_layer_test(
        lambda: ParallelDense(4, 2, "softmax", use_bias=False), (tf.constant(inputs),), (5, 4, 2), 1
    )
    run_layer_test(lambda: ParallelMLP(4, [6, 2]), (tf.constant(inputs),), (5, 4, 2), 4)


@pytest.mark.parametrize("inputs", [FOR_ALL, FOR_EACH])
def test_each_network_is_one_by_itself(inputs) -> None:
    layer = ParallelMLP(4, [6, 2], "relu", "sigmoid")
    layer(inputs)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    w1, b1, w2, b2 = layer.get_weights()
    for index in range(4):
        own = inputs if inputs.ndim == 2 else inputs[:, index]
        hidden = np.maximum(own @ w1[:, index] + b1[index], 0)
        expected = 1 / (1 + np.exp(-(hidden @ w2[:, index] + b2[index])))
        np.testing.assert_allclose(layer(inputs)[:, index], expected, rtol=1e-5)


def test_weights_begin_as_those_of_one_layer() -> None:
    """Many layers side by side are no reason to begin with smaller weights."""
    layer, one = ParallelDense(50, 20), tf.keras.layers.Dense(20)
    for each in (layer, one):
        each(tf.ones([1, 30]))
    limit = np.sqrt(6 / 50)
    assert 0.98 * limit < np.abs(layer.kernel).max() <= limit
    assert np.std(layer.kernel) == pytest.approx(np.std(one.kernel), rel=0.1)


def test_dropout_is_for_training_and_not_of_the_output() -> None:
    layer = ParallelMLP(4, [6, 2], dropout=0.999)
    layer(FOR_ALL)
    layer.set_weights([np.full(w.shape, 0.5) for w in layer.get_weights()])
    positive = np.abs(FOR_ALL)
    trained = layer(positive, training=True).numpy()
    assert (trained == 0.5).mean() > 0.8  # the bias of the last layer is all that is left
    assert (layer(positive).numpy() > 0.5).all()


def test_no_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="`units` must name at least one layer width"):
        ParallelMLP(4, [])
