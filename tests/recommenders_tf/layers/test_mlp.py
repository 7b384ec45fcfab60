import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import MLP
from tests.harness import run_layer_test

INPUTS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: MLP([8, 2], dropout=0.5), (tf.constant(INPUTS),), (5, 2), 4)


def test_equation() -> None:
    layer = MLP([8, 2], activation="relu", final_activation="sigmoid")
    output = layer(INPUTS)
    w1, b1, w2, b2 = layer.get_weights()
    hidden = np.maximum(INPUTS @ w1 + b1, 0)
    np.testing.assert_allclose(output, 1 / (1 + np.exp(-(hidden @ w2 + b2))), rtol=1e-5)


def test_no_units() -> None:
    with pytest.raises(ValueError, match="`units` must name at least one"):
        MLP([])


def test_batch_norm_and_learned_activation_before_every_layer_but_the_last() -> None:
    layer = MLP([8, 2], activation="prelu", batch_norm=True)
    layer(INPUTS)
    random = np.random.default_rng(1)
    layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    dense, norm, prelu, last = layer.blocks
    hidden = INPUTS @ dense.kernel + dense.bias
    shifted = (hidden - norm.moving_mean) / np.sqrt(norm.moving_variance + norm.epsilon)
    hidden = shifted * norm.gamma + norm.beta
    hidden = np.where(hidden > 0, hidden, prelu.alpha * hidden)
    np.testing.assert_allclose(layer(INPUTS), hidden @ last.kernel + last.bias, rtol=1e-4)


def test_a_hidden_output_is_made_as_every_hidden_layer() -> None:
    layer = MLP([8, 2], dropout=0.5, batch_norm=True, hidden_output=True)
    layer(INPUTS)
    random = np.random.default_rng(1)
    layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    hidden = INPUTS
    for dense, norm, _, _ in (layer.blocks[:4], layer.blocks[4:]):
        hidden = hidden @ dense.kernel + dense.bias
        shifted = (hidden - norm.moving_mean) / np.sqrt(norm.moving_variance + norm.epsilon)
        hidden = np.maximum(shifted * norm.gamma + norm.beta, 0)
    np.testing.assert_allclose(layer(INPUTS), hidden, rtol=1e-4)
    with pytest.raises(ValueError, match="no `final_activation`"):
        MLP([8, 2], final_activation="relu", hidden_output=True)


def test_masked_rows_leave_the_statistics_of_dice_alone() -> None:
    layer = MLP([8, 2], activation="dice")
    layer(INPUTS)
    layer(INPUTS, training=True, mask=tf.constant([True, True, False, True, False]))
    hidden = (INPUTS @ layer.blocks[0].get_weights()[0])[[0, 1, 3]]
    np.testing.assert_allclose(layer.blocks[1].mean, 0.01 * hidden.mean(0), rtol=1e-3, atol=1e-6)
