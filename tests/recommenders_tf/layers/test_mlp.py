import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import MLP
from tests.harness import run_layer_test

INPUTS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(lambda: MLP([8, 2], dropout=0.5), (tf.constant(INPUTS),), (5, 2), 4)


def test_equation() -> None:
    layer = MLP([8, 2], activation="relu", final_activation="sigmoid")
    output = layer(INPUTS)
    w1, b1, w2, b2 = layer.get_weights()
    hidden = np.maximum(INPUTS @ w1 + b1, 0)
    np.testing.assert_allclose(output, 1 / (1 + np.exp(-(hidden @ w2 + b2))), rtol=1e-5)


def test_no_units() -> None:
    with pytest.raises(ValueError, match="`units` must name at least one"):
        MLP([])
