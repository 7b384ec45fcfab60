import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers.lower_bound import lower_bound


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 100])
@pytest.mark.parametrize("compiled", [False, True])
def test_as_numpy_has_it(length: int, compiled: bool) -> None:
    rng = np.random.default_rng(length)
    ordered = np.sort(rng.integers(0, 60, length))  # with ties
    values = rng.integers(-5, 70, (4, 5))
    place = tf.function(lower_bound, jit_compile=compiled)(
        tf.constant(ordered), tf.constant(values)
    )
    assert (place.dtype, place.shape) == (tf.int64, values.shape)
    np.testing.assert_array_equal(place, np.searchsorted(ordered, values))


def test_xla_needs_no_memory_for_all_with_all() -> None:
    ordered = tf.range(10**6, dtype=tf.int64)
    values = tf.range(0, 10**6, 10, dtype=tf.int64)  # 10^11 pairs
    place = tf.function(lower_bound, jit_compile=True)(ordered, values)
    assert (place == values).numpy().all()
