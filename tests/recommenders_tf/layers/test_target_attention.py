import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import TargetAttention
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
QUERY = RANDOM.normal(size=(3, 4)).astype(np.float32)
KEYS = RANDOM.normal(size=(3, 5, 4)).astype(np.float32)
MASK = np.arange(5) < np.array([[5], [2], [0]])
INPUTS = tuple(tf.constant(value) for value in (QUERY, KEYS, MASK))


@pytest.mark.parametrize(("activation", "weights"), [("dice", 12), ("prelu", 8), ("sigmoid", 6)])
def test_contract(activation, weights) -> None:
    run_layer_test(lambda: TargetAttention([6, 2], activation), INPUTS, (3, 4), weights)


@pytest.mark.parametrize("activation", ["prelu", "sigmoid"])
def test_equation(activation) -> None:
    """Zhou et al. 2018, equation 3: a network over [q, k, q − k, q ⊙ k] weighs each position."""
    layer = TargetAttention([6, 2], activation)
    layer(*INPUTS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])

    def activate(values, block):
        if activation == "sigmoid":
            return 1 / (1 + np.exp(-values))
        return np.where(values > 0, values, block.alpha.numpy() * values)

    second, second_activation, last = layer.rest.blocks
    expected = np.zeros_like(QUERY)
    for row, query in enumerate(QUERY):
        for key in KEYS[row][MASK[row]]:
            inputs = np.concatenate([query, key, query - key, query * key])
            hidden = inputs @ layer.kernel.numpy() + layer.bias.numpy()
            hidden = activate(hidden, layer.first_activation)
            w, b = second.get_weights()
            hidden = activate(hidden @ w + b, second_activation)
            w, b = last.get_weights()
            expected[row] += (hidden @ w + b) * key
    assert np.abs(expected[:2]).min() > 0
    np.testing.assert_allclose(layer(*INPUTS), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("natives", [(True, True), (False, False), (True, False)])
def test_padding_enters_neither_output_nor_statistics(natives) -> None:
    layers = [TargetAttention([6, 2]) for _ in range(2)]
    other = tf.where(INPUTS[2][:, :, tf.newaxis], KEYS, 1e3)
    for layer, native in zip(layers, natives, strict=True):
        layer(*INPUTS)
        layer.native = native
    layers[1].set_weights(layers[0].get_weights())
    outputs = [
        layer(QUERY, keys, INPUTS[2], training=True)
        for layer, keys in zip(layers, (KEYS, other), strict=True)
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)
    assert not np.allclose(layers[0].first_activation.mean, 0)
    for old, new in zip(*(layer.get_weights() for layer in layers), strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-5, atol=1e-6)


def test_no_units() -> None:
    with pytest.raises(ValueError, match="`units` must name at least one"):
        TargetAttention([])


@pytest.mark.parametrize("training", [True, False])
def test_a_softmax_over_the_list_weighs_other_values(training) -> None:
    """As SLi-Rec reads it: the weights of what the keys say sum what stands beside them."""
    layer = TargetAttention([6], "relu", normalized=True)
    values = tf.constant(RANDOM.normal(size=(3, 5, 7)), tf.float32)
    layer(*INPUTS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    w, b = layer.rest.get_weights()
    expected = np.zeros((3, 7))
    for row, query in enumerate(QUERY):
        if not MASK[row].any():
            continue
        keys = KEYS[row][MASK[row]]
        rows = np.broadcast_to(query, keys.shape)
        inputs = np.concatenate([rows, keys, rows - keys, rows * keys], axis=1)
        fits = np.maximum(inputs @ layer.kernel.numpy() + layer.bias.numpy(), 0) @ w + b
        shares = np.exp(fits[:, 0]) / np.exp(fits[:, 0]).sum()
        expected[row] = shares @ values.numpy()[row][MASK[row]]
    answer = layer(*INPUTS, values, training=training)
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(*INPUTS, values, training=training))
    assert np.isfinite(tape.gradient(loss, layer.kernel)).all()
