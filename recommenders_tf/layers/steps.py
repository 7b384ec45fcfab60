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
