import numpy as np
import tensorflow as tf

from recommenders_tf.layers import MaskedMean
from tests.harness import run_layer_test

VECTORS = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(np.float32)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)


def test_contract() -> None:
    run_layer_test(MaskedMean, (tf.constant(VECTORS), tf.constant(MASK)), (3, 2), 0)


def test_mean_of_real_positions() -> None:
    expected = [
        v[m].mean(axis=0) if m.any() else np.zeros(2) for v, m in zip(VECTORS, MASK, strict=True)
    ]
    np.testing.assert_allclose(MaskedMean()(VECTORS, MASK), expected, rtol=1e-6)
