"""Which steps of a sequence, one after another, are to be told from the rest of it."""

from __future__ import annotations

import random
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SegmentSteps(tf.keras.layers.Layer):
    """Draws a sequence of each row and in it a segment of at most half of its steps.

    A longer sequence is drawn more often, as its steps are. What is drawn next is a variable that
    checkpoints keep.

    Args:
        seed: Of the draws; None takes one from Python's `random`, which
            `tf.keras.utils.set_random_seed` seeds.
        **kwargs: Of the Keras layer.

    Call arguments:
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            `[batch, steps]`. Several sequences may stand in a row.

    Output shape:
        Whether a step is of the segment, bool `[batch, steps]`, and whether it is the last one of
        the sequence, likewise. Both are False all along where the sequence has but one step.

    Example:
        >>> segment, last = SegmentSteps(seed=1)(tf.constant([[4, 3, 2, 1, 0]]))
        >>> int(tf.reduce_sum(tf.cast(segment, tf.int32))) in (1, 2), last.numpy().tolist()
        (True, [[False, False, False, True, False]])

    References:
        Zhou et al.: S3-Rec: Self-Supervised Learning for Sequential Recommendation with Mutual
        Information Maximization, CIKM 2020, arXiv:2008.07873, section 4.2.4; that a segment is at
        most half is in the authors' program.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = random.randint(1, 10**9) if seed is None else seed
        self.generator = tf.random.Generator.from_seed(self.seed)

    def call(self, remaining: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the steps of the segment, and the last step of its sequence."""
        remaining = tf.cast(remaining, tf.int32)
        batch, steps = tf.shape(remaining)[0], tf.shape(remaining)[1]
        real, place = remaining > 0, tf.range(steps)
        ends = tf.where(real, place + remaining, 0)
        order = tf.where(real, self.generator.uniform(tf.shape(remaining)), -1.0)
        chosen = tf.argmax(order, axis=1, output_type=tf.int32)
        end = tf.gather(ends, chosen, batch_dims=1)[:, tf.newaxis]
        sequence = real & (ends == end)
        length = tf.math.count_nonzero(sequence, axis=1, keepdims=True, dtype=tf.int32)
        half = length // 2
        draws = self.generator.uniform([2, batch, 1])
        long = 1 + tf.cast(draws[0] * tf.cast(half, tf.float32), tf.int32)
        long = tf.minimum(long, half)
        skipped = tf.cast(draws[1] * tf.cast(length - long + 1, tf.float32), tf.int32)
        first = end - length + tf.minimum(skipped, length - long)
        segment = (place >= first) & (place < first + long)
        return segment, sequence & (place == end - 1) & (half > 0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"seed": self.seed}
