import numpy as np
import tensorflow as tf

from recommenders_tf.layers import SqueezeExcitation
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(5, 6, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(SqueezeExcitation, (tf.constant(VECTORS),), (5, 6), 2)


def test_equation() -> None:
    """Huang et al. 2019, section 3.3, for each example."""
    layer = SqueezeExcitation(reduction_ratio=2)
    layer(VECTORS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    reduce, expand = layer.get_weights()
    assert reduce.shape == (6, 3)
    expected = [np.maximum(np.maximum(e.mean(axis=1) @ reduce, 0) @ expand, 0) for e in VECTORS]
    assert 0 < np.count_nonzero(expected) < np.size(expected)
    np.testing.assert_allclose(layer(VECTORS), expected, rtol=1e-4, atol=1e-6)


def test_few_fields_leave_one_unit() -> None:
    layer = SqueezeExcitation(reduction_ratio=9)
    layer(VECTORS)
    assert layer.reduce.shape == (6, 1)
