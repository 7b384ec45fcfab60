import numpy as np
import tensorflow as tf

from recommenders_tf.layers import SoftmaxAttention
from tests.harness import run_layer_test

MASK = np.arange(4) < np.array([[0], [2], [4]])


def test_contract_and_equation() -> None:
    random = np.random.default_rng(0)
    query = random.normal(size=[3, 2]).astype(np.float32)
    keys = random.normal(size=[3, 4, 5]).astype(np.float32)
    inputs = (tf.constant(query), tf.constant(keys), tf.constant(MASK))
    run_layer_test(lambda: SoftmaxAttention(5), inputs, (3, 4), 1)
    layer = SoftmaxAttention(5)
    shares = layer(*inputs).numpy()
    expected = np.zeros([3, 4])
    for row, length in enumerate(MASK.sum(axis=1)):
        if length:
            fits = np.exp([keys[row, t] @ layer.kernel.numpy() @ query[row] for t in range(length)])
            expected[row, :length] = fits / fits.sum()
    np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-6)
