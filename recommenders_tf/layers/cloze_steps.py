"""Which steps of sequences are left out to be told from the others."""

from __future__ import annotations

import random
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class ClozeSteps(tf.keras.layers.Layer):
    """Draws the steps that become gaps: a share of each row, or of a sequence the last one alone.

    What is drawn next is a variable that checkpoints keep.

    Args:
        share: Of the real steps of a row, those that become gaps.
        last_share: Of the sequences, those whose last step alone becomes one.
        seed: Of the draws; None takes one from Python's `random`, which
            `tf.keras.utils.set_random_seed` seeds.
        **kwargs: Of the Keras layer.

    Call arguments:
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            `[batch, steps]`. Several sequences may stand in a row.

    Output shape:
        Places of the gaps, int32 `[batch, gaps]`, and 1 where there is one or 0, float32 in their
        shape.

    Raises:
        ValueError: A share is not one.

    Example:
        >>> remaining = tf.constant([[4, 3, 2, 1], [2, 1, 0, 0]])
        >>> places, counts = ClozeSteps(share=0.5, seed=2)(remaining)
        >>> counts.numpy().tolist()
        [[1.0, 1.0], [1.0, 0.0]]

    References:
        Sun et al.: BERT4Rec, CIKM 2019, arXiv:1904.06690, section 3.6.
    """

    def __init__(
        self, share: float, last_share: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not (0 < share < 1 and 0 <= last_share <= 1):
            raise ValueError(
                f"`share` must lie between 0 and 1, and `last_share` from 0 to 1; they are {share} "
                f"and {last_share}."
            )
        self.share = share
        self.last_share = last_share
        self.seed = random.randint(1, 10**9) if seed is None else seed
        self.generator = tf.random.Generator.from_seed(self.seed)

    def call(self, remaining: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the places, and which of them count."""
        batch, steps = tf.shape(remaining)[0], remaining.shape[1]
        remaining = tf.cast(remaining, tf.int32)
        real = remaining > 0
        # One draw for each sequence, found by where it ends.
        of_ends = self.generator.uniform([batch, steps + 1]) < self.last_share
        ends = tf.where(real, tf.range(steps) + remaining, 0)
        last_alone = tf.gather(of_ends, ends, batch_dims=1)
        order = self.generator.uniform([batch, steps])
        order = tf.where(last_alone, tf.where(remaining == 1, 2.0, -1.0), order)
        order = tf.where(real, order, -1.0)
        gaps = max(1, round(self.share * steps))
        first, places = tf.math.top_k(order, gaps)
        wanted = tf.reduce_sum(tf.cast(real, tf.float32), axis=1, keepdims=True) * self.share
        wanted = tf.maximum(tf.round(wanted), 1.0)
        counts = (tf.range(gaps, dtype=tf.float32) < wanted) & (first >= 0)
        return places, tf.cast(counts | (first > 1), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "share": self.share,
            "last_share": self.last_share,
            "seed": self.seed,
        }
