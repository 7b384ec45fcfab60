"""Mean over the real positions of a padded list."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MaskedMean(tf.keras.layers.Layer):
    """Averages the vectors of a list, leaving out its padding: Σ wᵢ vᵢ / Σ wᵢ.

    An empty list, or one whose weights sum to zero, has the mean zero.

    Input shape:
        Vectors `[batch, length, dim]`, a bool mask `[batch, length]` and, if the positions do not
        count alike, their weights, float `[batch, length]`.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> vectors = tf.constant([[[1.0], [3.0], [9.0]]])
        >>> MaskedMean()(vectors, tf.constant([[True, True, False]])).numpy().tolist()
        [[2.0]]
        >>> weights = tf.constant([[3.0, 1.0, 5.0]])
        >>> MaskedMean()(vectors, tf.constant([[True, True, False]]), weights).numpy().tolist()
        [[1.5]]
    """

    def call(
        self, vectors: tf.Tensor, mask: tf.Tensor, weights: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return the means."""
        shares = tf.cast(mask, vectors.dtype)
        if weights is not None:
            shares *= tf.cast(weights, vectors.dtype)
        total = tf.einsum("bld,bl->bd", vectors, shares)
        return tf.math.divide_no_nan(total, tf.reduce_sum(shares, axis=1, keepdims=True))
