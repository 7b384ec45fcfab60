import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import InnerProduct
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(5, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("decomposed", [False, True])
def test_contract(decomposed) -> None:
    run_layer_test(lambda: InnerProduct(6, decomposed), (tf.constant(VECTORS),), (5, 6), 1)


def test_equation() -> None:
    """Qu et al. 2016, eq. 3, 4 and 7: sums over all pairs, one weight a pair."""
    layer = InnerProduct(6)
    layer(VECTORS)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    kernel = layer.get_weights()[0]
    expected = sum(
        np.outer((VECTORS[:, i] * VECTORS[:, j]).sum(1), kernel[row])
        for row, (i, j) in enumerate(pairs)
    )
    np.testing.assert_allclose(layer(VECTORS), expected, rtol=1e-4, atol=1e-5)


def test_decomposition_is_the_double_sum() -> None:
    """Eq. 8 to 10: with W = θθᵀ the sum over all pairs, both orders and squares among them."""
    layer = InnerProduct(6, decomposed=True)
    layer(VECTORS)
    theta = layer.get_weights()[0]
    expected = np.zeros([5, 6])
    for n in range(6):
        for i in range(4):
            for j in range(4):
                product = (VECTORS[:, i] * VECTORS[:, j]).sum(1)
                expected[:, n] += theta[i, n] * theta[j, n] * product
    np.testing.assert_allclose(layer(VECTORS), expected, rtol=1e-4, atol=1e-5)
