import numpy as np
import tensorflow as tf

from recommenders_tf.layers import Dice
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(2, 3, size=(7, 3)).astype(np.float32)
MASK = np.array([True, False, True, True, False, True, True])


def dice(inputs, mean, variance, alpha):
    """Zhou et al. 2018, equation 9."""
    p = 1 / (1 + np.exp(-(inputs - mean) / np.sqrt(variance + 1e-8)))
    return p * inputs + (1 - p) * alpha * inputs


def layer_with_alpha() -> Dice:
    layer = Dice(momentum=0.9)
    layer.build([None, 3])
    layer.alpha.assign([0.1, 0.2, -0.3])
    return layer


def test_contract() -> None:
    run_layer_test(Dice, (tf.constant(INPUTS),), (7, 3), 3)


def test_equation_with_the_statistics_of_the_batch() -> None:
    layer = layer_with_alpha()
    expected = dice(INPUTS, INPUTS.mean(0), INPUTS.var(0), layer.alpha.numpy())
    np.testing.assert_allclose(layer(INPUTS, training=True), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.mean, 0.1 * INPUTS.mean(0), rtol=1e-4)
    np.testing.assert_allclose(layer.variance, 0.9 + 0.1 * INPUTS.var(0), rtol=1e-4)


def test_equation_with_the_running_statistics() -> None:
    layer = layer_with_alpha()
    layer.mean.assign([1.0, 2.0, 3.0])
    layer.variance.assign([4.0, 5.0, 6.0])
    expected = dice(INPUTS, np.array([1, 2, 3]), np.array([4, 5, 6]), layer.alpha.numpy())
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-4, atol=1e-5)


def test_masked_rows_leave_the_statistics_alone() -> None:
    layer, without = layer_with_alpha(), layer_with_alpha()
    output = layer(INPUTS, mask=tf.constant(MASK), training=True)
    expected = without(INPUTS[MASK], training=True)
    np.testing.assert_allclose(output.numpy()[MASK], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.mean, without.mean, rtol=1e-5)
    np.testing.assert_allclose(layer.variance, without.variance, rtol=1e-5)


def test_a_batch_of_padding_alone_changes_nothing() -> None:
    layer = layer_with_alpha()
    before = layer.get_weights()
    output = layer(INPUTS, mask=tf.zeros([7], tf.bool), training=True)
    assert np.isfinite(output).all()
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
