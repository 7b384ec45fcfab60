"""An L2 penalty on the rows of a table that a batch touches."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.schema import PADDING_ID


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MiniBatchPenalty(tf.keras.layers.Layer):
    """Penalizes the vectors of a batch's ids, those of rare ids most: ½ λ Σⱼ ‖wⱼ‖² / nⱼ.

    The sum goes over the ids j that occur in the batch, each once however often it occurs, so that
    its gradient is λ αⱼ wⱼ / nⱼ. Of the paper's nⱼ, how often the id occurs in all the data, a
    batch knows nothing: here it is how often the id has occurred in training so far, the batch
    included. So a row is held back most when it is new, and in later passes over the data by 1/p
    of the paper's share in pass p. Under a strategy every replica counts its part.

    Args:
        size: Number of ids, padding and unknown included.
        strength: The factor λ.
        **kwargs: Of the Keras layer.

    Call arguments:
        ids: int64 `[occurrences]`; padding is left out.
        vectors: Their rows of the table, `[occurrences, dim]`.

    Output shape:
        `[]`, the penalty, float32.

    Example:
        >>> layer = MiniBatchPenalty(size=5, strength=1.0)
        >>> float(layer(tf.constant([2, 2, 3, 0]), tf.ones([4, 2])))
        1.5

    References:
        Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018,
        arXiv:1706.06978, equations 4 to 7.
    """

    def __init__(self, size: int, strength: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.strength = strength
        # Not when it is first called, which only training does: a model that is loaded has it too.
        self.seen = self.add_weight(
            name="seen",
            shape=[size],
            dtype=tf.float32,
            initializer="zeros",
            trainable=False,
            experimental_autocast=False,
        )

    def call(self, ids: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """Count the occurrences and return the penalty."""
        real = tf.cast(ids != PADDING_ID, tf.float32)
        before = tf.gather(self.seen, ids)
        # What a batch adds to the count of an id tells how often it has it, without sorting.
        self.seen.scatter_add(tf.IndexedSlices(real, ids))
        after = tf.gather(self.seen, ids)
        shares = tf.math.divide_no_nan(real, after * (after - before))
        squares = tf.reduce_sum(tf.square(tf.cast(vectors, tf.float32)), axis=1)
        return 0.5 * self.strength * tf.reduce_sum(shares * squares)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"size": self.size, "strength": self.strength}
