import numpy as np
import tensorflow as tf

from recommenders_tf.layers import last_step, remaining_steps


def test_steps_are_counted_from_the_end_on_either_side_of_padding() -> None:
    mask = tf.constant([[True, True, True, False], [False, False, True, True], [False] * 4])
    remaining = remaining_steps(mask)
    np.testing.assert_array_equal(remaining, [[3, 2, 1, 0], [0, 0, 2, 1], [0] * 4])
    states = tf.reshape(tf.range(12.0), [3, 4, 1])
    np.testing.assert_array_equal(last_step(states, remaining)[:, 0], [2, 7, 0])
