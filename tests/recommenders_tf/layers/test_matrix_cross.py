import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import MatrixCross
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(5, 3)).astype(np.float32)


@pytest.mark.parametrize(("rank", "weights"), [(None, 4), (2, 6)])
def test_contract(rank, weights) -> None:
    run_layer_test(lambda: MatrixCross(2, rank), (tf.constant(INPUTS),), (5, 3), weights)


@pytest.mark.parametrize("rank", [None, 2])
def test_equation(rank) -> None:
    """Wang et al. 2021, equations 1 and 2: x ← x₀ ⊙ (W x + b) + x, W = U Vᵀ with a rank."""
    layer = MatrixCross(3, rank)
    layer(INPUTS)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    x = INPUTS
    for index, product in enumerate(layer.products):
        matrix, bias = (w.astype(np.float64) for w in product.get_weights())
        if rank:
            matrix = layer.reductions[index].get_weights()[0] @ matrix
        x = INPUTS * (x @ matrix + bias) + x
    np.testing.assert_allclose(layer(INPUTS), x, rtol=1e-4)
