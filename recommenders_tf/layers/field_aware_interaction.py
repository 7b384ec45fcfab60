"""Interactions of all pairs of features whose vectors depend on the other one's field."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class FieldAwareInteraction(tf.keras.layers.Layer):
    """Sums the inner products of all pairs of field-aware vectors: Σᵢ Σⱼ﹥ᵢ vᵢⱼ·vⱼᵢ.

    Field i has one vector vᵢⱼ for every field j; it meets j with that one. vᵢᵢ counts nowhere.

    Input shape:
        `[batch, fields, fields · dim]`: of each field its vectors for the fields side by side,
        times the value of its feature.

    Output shape:
        `[batch, 1]`.

    Raises:
        ValueError: The last axis is no multiple of the fields.

    Example:
        >>> vectors = tf.constant([[[9.0, 1.0, 2.0], [3.0, 9.0, 4.0], [5.0, 6.0, 9.0]]])
        >>> FieldAwareInteraction()(vectors).numpy().tolist()  # 1·3 + 2·5 + 4·6
        [[37.0]]

    References:
        Juan et al.: Field-aware Factorization Machines for CTR Prediction, RecSys 2016,
        equation 4.
    """

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the sums."""
        fields, width = vectors.shape[1:]
        if width % fields:
            raise ValueError(
                f"The vectors are {width} wide, which {fields} fields cannot share: give each "
                "field as many vectors of one width as there are fields."
            )
        aware = tf.reshape(vectors, [-1, fields, fields, width // fields])
        pairs = tf.constant(np.triu(np.ones([fields, fields]), 1)[..., np.newaxis], aware.dtype)
        products = pairs * aware * tf.transpose(aware, [0, 2, 1, 3])
        return tf.reduce_sum(products, axis=[1, 2, 3])[:, tf.newaxis]
