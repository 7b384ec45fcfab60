"""All pairs of features pooled into one vector."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class BiInteraction(tf.keras.layers.Layer):
    """Sums the products of all pairs of vectors: Σᵢ Σⱼ﹥ᵢ vᵢ ⊙ vⱼ = ½ ((Σ vᵢ)² − Σ vᵢ²).

    The right side takes time linear in the number of vectors. It is computed in float32, since it
    is a small difference of large sums.

    Input shape:
        `[batch, fields, dim]`, each vector times the value of its feature.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> vectors = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> BiInteraction()(vectors).numpy().tolist()
        [[23.0, 44.0]]

    References:
        He and Chua: Neural Factorization Machines for Sparse Predictive Analytics, SIGIR 2017,
        arXiv:1708.05027, equations 3 and 4.
    """

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the sums."""
        vectors = tf.cast(vectors, tf.float32)
        of_sum = tf.square(tf.reduce_sum(vectors, axis=1))
        of_each = tf.reduce_sum(tf.square(vectors), axis=1)
        return tf.cast(0.5 * (of_sum - of_each), self.compute_dtype)
