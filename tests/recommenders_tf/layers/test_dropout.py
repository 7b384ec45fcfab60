import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import Dropout
from tests.harness import precision, run_layer_test


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.93])
def test_drops_its_share_independently_and_keeps_the_mean(rate, jit_compile) -> None:
    layer = Dropout(rate, seed=3)
    call = tf.function(lambda x: layer(x, training=True), jit_compile=jit_compile)
    inputs = tf.ones([201, 101, 7])
    first, second = call(inputs).numpy(), call(inputs).numpy()
    kept = first > 0
    np.testing.assert_allclose(first[kept], 1 / (1 - rate), rtol=5e-4)
    assert abs(kept.mean() - (1 - rate)) < 0.005
    together = (kept[..., :-1] & kept[..., 1:]).mean(), (kept & (second > 0)).mean()
    np.testing.assert_allclose(together, (1 - rate) ** 2, atol=0.01)


def test_gradients_go_where_values_do() -> None:
    inputs = tf.Variable(tf.ones([5, 9]))
    with tf.GradientTape() as tape:
        dropped = Dropout(0.4)(inputs, training=True)
    np.testing.assert_array_equal(tape.gradient(dropped, inputs), dropped)


def test_contract_and_rest_when_not_trained() -> None:
    inputs = tf.random.stateless_normal([3, 5], [0, 1])
    run_layer_test(lambda: Dropout(0.5), (inputs,), (3, 5), 0)
    np.testing.assert_array_equal(Dropout(0.5)(inputs), inputs)
    assert Dropout(0.0)(inputs, training=True) is inputs
    with precision("mixed_float16"):
        assert Dropout(0.5)(inputs, training=True).dtype == tf.float16


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_bad_rate_is_named(rate) -> None:
    with pytest.raises(ValueError, match="`rate` must be from 0 to below 1"):
        Dropout(rate)
