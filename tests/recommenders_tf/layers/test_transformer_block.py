import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import TransformerBlock, visible_steps
from tests.harness import run_layer_test

REMAINING = tf.constant([[3, 2, 1, 0], [1, 3, 2, 1]])
INPUTS = np.random.default_rng(0).normal(size=[2, 4, 6]).astype(np.float32)


def given():
    return tf.constant(INPUTS), visible_steps(REMAINING, causal=True)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_contract(norm) -> None:
    run_layer_test(lambda: TransformerBlock(8, 2, norm=norm), given(), (2, 4, 6), 12)


def normalized(x, gamma, beta):
    deviation = np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    return (x - x.mean(-1, keepdims=True)) / deviation * gamma + beta


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_residuals_and_norms(norm) -> None:
    """Vaswani et al. 2017, section 3.1 and 3.3, or Xiong et al. 2020, table 1."""
    layer = TransformerBlock(8, norm=norm, project=False)
    layer(*given())
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=w.shape) for w in layer.get_weights()])
    w1, b1 = (w.numpy() for w in layer.hidden.weights)
    w2, b2 = (w.numpy() for w in layer.out.weights)
    norms = [[w.numpy() for w in part.weights] for part in layer.norms]

    def attention(x):
        return layer.attend(tf.constant(x, tf.float32), given()[1]).numpy()

    def network(x):
        return np.maximum(x @ w1 + b1, 0) @ w2 + b2

    expected = INPUTS
    for function, weights in zip((attention, network), norms, strict=True):
        if norm == "pre":
            expected = expected + function(normalized(expected, *weights))
        else:
            expected = normalized(expected + function(expected), *weights)
    np.testing.assert_allclose(layer(*given()), expected, rtol=1e-3, atol=1e-3)


def test_drops_in_training_alone() -> None:
    layer = TransformerBlock(8, dropout=0.5)
    plain = layer(*given())
    np.testing.assert_array_equal(layer(*given()), plain)
    assert (layer(*given(), training=True).numpy() != plain.numpy()).any()


def test_unknown_norm_is_named() -> None:
    with pytest.raises(ValueError, match="`norm` is `sandwich`; it must be one of pre, post"):
        TransformerBlock(8, norm="sandwich")
