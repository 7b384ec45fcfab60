"""Where values stand among sorted ones, also where XLA compiles."""

from __future__ import annotations

import tensorflow as tf


def lower_bound(ordered: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Return for every value how many of the ordered ones are less.

    It halves the part where the place must be, for all values at once: as many steps as the length
    has bits. `tf.searchsorted`, which gives the same, compares every value with every one of
    `ordered` where XLA compiles it, and needs memory for as many.

    Args:
        ordered: In ascending order, `[length]`, not empty.
        values: Of the same dtype, any shape.

    Returns:
        Int64, in the shape of `values`, from 0 to `length`.

    Example:
        >>> lower_bound(tf.constant([2, 4, 4, 7]), tf.constant([1, 4, 5, 8])).numpy().tolist()
        [0, 1, 3, 4]
    """

    def halve(first: tf.Tensor, left: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        half = left // 2
        is_less = tf.gather(ordered, first + half - 1) < values
        return tf.where(is_less, first + half, first), left - half

    first = tf.zeros(tf.shape(values), tf.int64)
    length = tf.size(ordered, tf.int64)
    first, _ = tf.while_loop(lambda _, left: left > 1, halve, (first, length))
    return first + tf.cast(tf.gather(ordered, first) < values, tf.int64)
