import itertools

import numpy as np
import tensorflow as tf

from recommenders_tf.layers import FactorizationMachine
from tests.harness import precision, run_layer_test

VECTORS = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)


def test_contract() -> None:
    run_layer_test(FactorizationMachine, (tf.constant(VECTORS),), (5, 1), 0)


def test_linear_time_form_is_the_sum_over_pairs() -> None:
    """Rendle 2010, equation 1: Σᵢ Σⱼ﹥ᵢ vᵢ·vⱼ."""
    pairs = itertools.combinations(range(4), 2)
    expected = sum((VECTORS[:, i] * VECTORS[:, j]).sum(1) for i, j in pairs)
    np.testing.assert_allclose(FactorizationMachine()(VECTORS)[:, 0], expected, rtol=1e-4)


def test_sums_are_exact_in_half_precision() -> None:
    """Squares of sums would overflow float16 above 65,504."""
    vectors = tf.concat([tf.fill([1, 1, 2], 300.0), tf.fill([1, 1, 2], 0.5)], axis=1)
    with precision("mixed_float16"):
        assert float(FactorizationMachine()(tf.cast(vectors, tf.float16))) == 300.0
