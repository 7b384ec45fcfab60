import numpy as np
import tensorflow as tf

from recommenders_tf.layers import FeatureGate
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(5, 4)).astype(np.float32)
CONTEXT = RANDOM.normal(size=(5, 3)).astype(np.float32)


def test_contract() -> None:
    inputs = (tf.constant(INPUTS), tf.constant(CONTEXT))
    run_layer_test(lambda: FeatureGate([6]), inputs, (5, 4), 4)


def test_equation() -> None:
    """Mao et al. 2023: the context scales each value by its own factor between 0 and 2."""
    layer = FeatureGate([6])
    layer(INPUTS, CONTEXT)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    w1, b1, w2, b2 = layer.get_weights()
    gate = 2 / (1 + np.exp(-(np.maximum(CONTEXT @ w1 + b1, 0) @ w2 + b2)))
    np.testing.assert_allclose(layer(INPUTS, CONTEXT), gate * INPUTS, rtol=1e-4)
