import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import Dice
from recommenders_tf.native import ops
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


@pytest.fixture(params=["compiled", "stock"])
def native(request) -> bool:
    if request.param == "compiled" and ops("layers/dice.cc") is None:
        pytest.fail("the kernel was not compiled")
    return request.param == "compiled"


def test_equation_with_the_statistics_of_the_batch(native) -> None:
    layer = layer_with_alpha()
    layer.native = native
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


@pytest.mark.parametrize("rows", ["none", "padding"])
def test_a_batch_without_a_row_changes_nothing(rows, native) -> None:
    layer = layer_with_alpha()
    layer.native = native
    before = layer.get_weights()
    if rows == "none":
        output = layer(tf.zeros([0, 3]), training=True)
    else:
        output = layer(INPUTS, mask=tf.zeros([7], tf.bool), training=True)
    assert np.isfinite(output).all()
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_gradient_is_that_of_small_steps(native) -> None:
    layer = layer_with_alpha()
    layer.native = native
    weights = RANDOM.normal(size=INPUTS.shape).astype(np.float32)

    def loss(inputs, alpha):
        inputs = inputs.astype(np.float64)
        return (weights * dice(inputs, inputs.mean(0), inputs.var(0), alpha)).sum()

    values = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(weights * layer(values, training=True))
    found = tape.gradient(total, [values, layer.alpha])
    point = [INPUTS.astype(np.float64), layer.alpha.numpy().astype(np.float64)]
    for index, gradient in enumerate(found):
        expected = np.zeros(point[index].shape)
        for place in np.ndindex(expected.shape):
            sides = []
            for step in (1e-6, -1e-6):
                moved = [part.copy() for part in point]
                moved[index][place] += step
                sides.append(loss(*moved))
            expected[place] = (sides[0] - sides[1]) / 2e-6
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_more_rows_than_a_block_of_the_kernel_holds() -> None:
    inputs = RANDOM.normal(5, 0.5, size=(1000, 37)).astype(np.float32)
    weights = RANDOM.normal(size=inputs.shape).astype(np.float32)
    results = []
    for native in (True, False):
        layer = Dice()
        layer.native = native
        layer.build([None, 37])
        layer.alpha.assign(np.linspace(-1, 1, 37))
        values = tf.constant(inputs)
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = layer(values, training=True)
        gradients = tape.gradient(outputs, [values, layer.alpha], output_gradients=weights)
        results.append([outputs, layer.mean, layer.variance, *gradients])
    for compiled, stock in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, stock, rtol=1e-3, atol=1e-3)


def test_a_nan_stays_one() -> None:
    """A training that goes wrong must show it."""
    inputs = INPUTS.copy()
    inputs[0, 0] = np.nan
    assert np.isnan(layer_with_alpha()(inputs, training=True)[0, 0])
