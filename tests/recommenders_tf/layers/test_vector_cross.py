import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import VectorCross
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(5, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: VectorCross(2), (tf.constant(INPUTS),), (5, 3), 2)


def test_equation() -> None:
    """Wang et al. 2017, equation 3, layer by layer: x ← x₀ xᵀ w + b + x."""
    layer = VectorCross(4)
    layer(INPUTS)
    kernel, bias = RANDOM.normal(size=(2, 3, 4)).astype(np.float32)
    layer.set_weights([kernel, bias])
    x = INPUTS
    for w, b in zip(kernel.T, bias.T, strict=True):
        outer = np.einsum("bi,bj->bij", INPUTS, x)
        x = np.einsum("bij,j->bi", outer, w) + b + x
    np.testing.assert_allclose(layer(INPUTS), x, rtol=1e-4)


def test_no_layer() -> None:
    with pytest.raises(ValueError, match="`depth` is 0; a cross network has at least one layer"):
        VectorCross(0)
