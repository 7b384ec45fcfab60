"""Mean over the real positions of a padded list."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MaskedMean(tf.keras.layers.Layer):
    """Averages the vectors of a list, leaving out its padding.

    An empty list has the mean zero.

    Input shape:
        Vectors `[batch, length, dim]` and a bool mask `[batch, length]`.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> vectors = tf.constant([[[1.0], [3.0], [9.0]]])
        >>> MaskedMean()(vectors, tf.constant([[True, True, False]])).numpy().tolist()
        [[2.0]]
    """

    def call(self, vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Return the means."""
        weights = tf.cast(mask, vectors.dtype)
        total = tf.einsum("bld,bl->bd", vectors, weights)
        return total / tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1)
