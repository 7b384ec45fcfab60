import numpy as np
import tensorflow as tf

from recommenders_tf.layers import ResidualUnit
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(5, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: ResidualUnit(6), (tf.constant(INPUTS),), (5, 3), 4)


def test_equation() -> None:
    """Shan et al. 2016, eq. 4 and figure 2: two layers, the input added before the last ReLU."""
    layer = ResidualUnit(6)
    layer(INPUTS)
    w0, b0, w1, b1 = [RANDOM.normal(size=w.shape) for w in layer.get_weights()]
    layer.set_weights([w0, b0, w1, b1])
    inner = np.maximum(INPUTS @ w0 + b0, 0)
    expected = np.maximum(INPUTS + inner @ w1 + b1, 0)
    assert (expected > 0).any()
    assert (expected == 0).any()
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-4, atol=1e-5)
