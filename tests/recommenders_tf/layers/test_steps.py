import numpy as np
import tensorflow as tf

from recommenders_tf.layers import last_step, remaining_steps, time_intervals, visible_steps


def test_steps_are_counted_from_the_end_on_either_side_of_padding() -> None:
    mask = tf.constant([[True, True, True, False], [False, False, True, True], [False] * 4])
    remaining = remaining_steps(mask)
    np.testing.assert_array_equal(remaining, [[3, 2, 1, 0], [0, 0, 2, 1], [0] * 4])
    states = tf.reshape(tf.range(12.0), [3, 4, 1])
    np.testing.assert_array_equal(last_step(states, remaining)[:, 0], [2, 7, 0])


def test_intervals_are_counted_in_the_shortest_that_a_step_has_seen() -> None:
    """Li et al. 2020, section 3.1, by loops: unknown and equal times, two sequences a row."""
    remaining = np.array([[4, 3, 2, 1, 4, 3, 2, 1, 0], [0, 5, 4, 3, 2, 1, 0, 0, 0]])
    times = np.array([[50, 90, 96, 200, 10, 30, 0, 31, 0], [0, 7, 7, 9, 9, 20, 0, 0, 0]])
    known = np.array([[50, 90, 96, 200, 10, 30, 30, 31, 0], [0, 7, 7, 9, 9, 20, 0, 0, 0]])
    visible = visible_steps(tf.constant(remaining), causal=True)
    found = time_intervals(tf.constant(times, tf.int64), visible, most=12).numpy()
    for row, i, j in np.ndindex(found.shape):
        seen = np.flatnonzero(visible[row, i])
        if not visible[row, i, j]:
            assert found[row, i, j] == 0
            continue
        gaps = [gap for gap in np.diff(known[row, seen]) if gap > 0]
        unit = min(gaps, default=np.inf)
        assert found[row, i, j] == min(12, (known[row, i] - known[row, j]) // unit)
    assert found.max() == 12 and len(np.unique(found)) > 5


def test_times_that_nobody_knows_are_all_alike() -> None:
    visible = visible_steps(tf.constant([[3, 2, 1]]), causal=True)
    assert not time_intervals(tf.zeros([1, 3], tf.int64), visible, most=9).numpy().any()
