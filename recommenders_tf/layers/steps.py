"""Steps of sequences, as masks tell them."""

from __future__ import annotations

import tensorflow as tf


def remaining_steps(mask: tf.Tensor) -> tf.Tensor:
    """Return how many steps are left of each row's one sequence, the step itself included.

    Args:
        mask: Bool `[batch, steps]`, False at padding, which may stand on either side.

    Returns:
        int32 `[batch, steps]`, 0 at padding.

    Example:
        >>> remaining_steps(tf.constant([[False, True, True, False]])).numpy().tolist()
        [[0, 2, 1, 0]]
    """
    steps = tf.cast(mask, tf.int32)
    return steps * tf.cumsum(steps, axis=1, reverse=True)


def last_step(states: tf.Tensor, remaining: tf.Tensor) -> tf.Tensor:
    """Return the state of the last step of each row's one sequence, zeros where there is none.

    Args:
        states: `[batch, steps, dim]`.
        remaining: As `remaining_steps` returns it.

    Returns:
        `[batch, dim]`.

    Example:
        >>> last_step(tf.constant([[[4.0], [5.0]]]), tf.constant([[1, 0]])).numpy().tolist()
        [[4.0]]
    """
    is_last = tf.cast(remaining == 1, states.dtype)
    return tf.reduce_sum(states * is_last[:, :, tf.newaxis], axis=1)


def elapsed_times(ages: tf.Tensor, unit: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return how long each step was after the one before it and how long ago, as logarithms.

    Args:
        ages: Seconds from each step to now, int64 `[batch, steps]`, oldest step first.
        unit: Seconds of a time whose logarithm is 0; half of it is the shortest that is told apart.

    Returns:
        log(max(t / unit, 1/2)) of the interval and of the age, float32 `[batch, steps]`; the first
        step has the shortest interval.

    Example:
        >>> intervals, ages = elapsed_times(tf.constant([[50, 30, 10]], tf.int64), unit=10)
        >>> tf.exp(intervals).numpy().round(1).tolist(), tf.exp(ages).numpy().round(1).tolist()
        ([[0.5, 2.0, 2.0]], [[5.0, 3.0, 1.0]])
    """
    intervals = tf.pad(ages[:, :-1] - ages[:, 1:], [[0, 0], [1, 0]])
    found = (
        tf.math.log(tf.maximum(tf.cast(part, tf.float32) / unit, 0.5)) for part in (intervals, ages)
    )
    return next(found), next(found)


def time_intervals(times: tf.Tensor, visible: tf.Tensor, most: int) -> tf.Tensor:
    """Return how long before each step the steps that it sees were, in its sequence's own unit.

    The unit is the shortest time, other than none, between two of the steps that a step sees, so
    that people who act by the minute and by the month are alike (Li et al. 2020, section 3.1): of
    the last step that of all. An earlier step may not know that it will be shorter later on.

    Args:
        times: int64 `[batch, steps]`; 0 where it is not known, which is then that of the step
            before.
        visible: Bool `[batch, steps, steps]`, as `visible_steps` gives it where it is causal.
        most: Longest interval that is told apart.

    Returns:
        min(⌊|tᵢ − tⱼ| / unit⌋, most), int32 `[batch, steps, steps]`; 0 where none may be seen.

    Example:
        >>> from recommenders_tf.layers import visible_steps
        >>> visible = visible_steps(tf.constant([[3, 2, 1]]), causal=True)
        >>> time_intervals(tf.constant([[100, 160, 190]], tf.int64), visible, 9).numpy().tolist()
        [[[0, 0, 0], [1, 0, 0], [3, 1, 0]]]

    References:
        Li et al.: Time Interval Aware Self-Attention for Sequential Recommendation, WSDM 2020,
        doi:10.1145/3336191.3371786.
    """
    zero = tf.zeros([], times.dtype)
    times = tf.reduce_max(tf.where(visible, times[:, tf.newaxis], zero), axis=2)
    before = tf.pad(times[:, :-1], [[0, 0], [1, 0]])
    has_before = tf.linalg.diag_part(visible[:, 1:, :-1])
    has_before = tf.pad(has_before, [[0, 0], [1, 0]]) & (before > 0)
    gaps = tf.where(has_before & (times > before), times - before, times.dtype.max)
    unit = tf.reduce_min(tf.where(visible, gaps[:, tf.newaxis], times.dtype.max), axis=2)
    apart = tf.abs(times[:, :, tf.newaxis] - times[:, tf.newaxis]) // unit[:, :, tf.newaxis]
    known = visible & (times[:, tf.newaxis] > 0)
    return tf.cast(tf.where(known, tf.minimum(apart, most), zero), tf.int32)
