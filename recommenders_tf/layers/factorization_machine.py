"""Interactions of all pairs of features by the inner products of their vectors."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class FactorizationMachine(tf.keras.layers.Layer):
    """Sums the inner products of all pairs of vectors: Σᵢ Σⱼ﹥ᵢ vᵢ·vⱼ = ½ (‖Σ vᵢ‖² − Σ ‖vᵢ‖²).

    The right side takes time linear in the number of vectors. It is computed in float32, since it
    is a small difference of large sums.

    Input shape:
        `[batch, fields, dim]`, each vector times the value of its feature.

    Output shape:
        `[batch, 1]`.

    Example:
        >>> vectors = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> FactorizationMachine()(vectors).numpy().tolist()
        [[67.0]]

    References:
        Rendle: Factorization Machines, ICDM 2010, equation 1 and lemma 3.1.
    """

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the sums."""
        vectors = tf.cast(vectors, tf.float32)
        of_sum = tf.reduce_sum(tf.square(tf.reduce_sum(vectors, axis=1)), axis=1)
        of_each = tf.reduce_sum(tf.square(vectors), axis=[1, 2])
        return tf.cast(0.5 * (of_sum - of_each), self.compute_dtype)[:, tf.newaxis]
