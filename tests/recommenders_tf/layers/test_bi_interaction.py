import itertools

import numpy as np
import tensorflow as tf

from recommenders_tf.layers import BiInteraction
from tests.harness import precision, run_layer_test

VECTORS = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(BiInteraction, (tf.constant(VECTORS),), (5, 3), 0)


def test_linear_time_form_is_the_sum_over_pairs() -> None:
    """He and Chua 2017, equation 3."""
    pairs = itertools.combinations(range(4), 2)
    expected = sum(VECTORS[:, i] * VECTORS[:, j] for i, j in pairs)
    np.testing.assert_allclose(BiInteraction()(VECTORS), expected, rtol=1e-4, atol=1e-5)


def test_sums_are_exact_in_half_precision() -> None:
    """Squares of sums would overflow float16 above 65,504."""
    vectors = tf.constant([[[300.0, 400.0], [0.5, 0.5]]])
    with precision("mixed_float16"):
        assert BiInteraction()(tf.cast(vectors, tf.float16)).numpy().tolist() == [[150.0, 200.0]]
