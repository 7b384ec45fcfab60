import numpy as np
import tensorflow as tf

from recommenders_tf.layers import OuterProduct
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(5, 4, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: OuterProduct(6), (tf.constant(VECTORS),), (5, 6), 1)


def test_equation() -> None:
    """Qu et al. 2016, eq. 11 to 13: the outer products of all pairs, summed, times weights."""
    layer = OuterProduct(6)
    layer(VECTORS)
    weights = layer.get_weights()[0].reshape(3, 3, 6)
    expected = np.zeros([5, 6])
    for example, vectors in enumerate(VECTORS):
        total = sum(np.outer(a, b) for a in vectors for b in vectors)
        expected[example] = [(weights[:, :, n] * total).sum() for n in range(6)]
    np.testing.assert_allclose(layer(VECTORS), expected, rtol=1e-4, atol=1e-5)
