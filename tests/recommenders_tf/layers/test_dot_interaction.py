import numpy as np
import tensorflow as tf

from recommenders_tf.layers import DotInteraction
from tests.harness import run_layer_test

VECTORS = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(DotInteraction, (tf.constant(VECTORS),), (5, 6), 0)


def test_every_pair_once_and_none_with_itself() -> None:
    expected = [
        [example[i] @ example[j] for i in range(4) for j in range(i)] for example in VECTORS
    ]
    np.testing.assert_allclose(DotInteraction()(VECTORS), expected, rtol=1e-5, atol=1e-6)
