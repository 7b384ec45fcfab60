"""The inner product of every pair of vectors."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class DotInteraction(tf.keras.layers.Layer):
    """Takes the inner product of every pair of vectors, vᵢ·vⱼ with j < i, row by row of i.

    Input shape:
        `[batch, fields, dim]`.

    Output shape:
        `[batch, fields · (fields − 1) / 2]`.

    Example:
        >>> vectors = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> DotInteraction()(vectors).numpy().tolist()
        [[11.0, 17.0, 39.0]]

    References:
        Naumov et al.: Deep Learning Recommendation Model for Personalization and Recommendation
        Systems, 2019, arXiv:1906.00091, section 2.
    """

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the products."""
        fields = vectors.shape[1]
        rows, columns = np.tril_indices(fields, -1)
        products = tf.matmul(vectors, vectors, transpose_b=True)
        return tf.gather(tf.reshape(products, [-1, fields**2]), rows * fields + columns, axis=1)
