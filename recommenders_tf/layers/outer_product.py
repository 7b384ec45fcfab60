"""Weighted sums of the values of all vectors' outer products."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class OuterProduct(tf.keras.layers.Layer):
    """Projects the summed outer products of all pairs of vectors to `units` sums, l_p of an OPNN.

    The matrix p = Σᵢ Σⱼ fᵢ fⱼᵀ is f_Σ f_Σᵀ with f_Σ = Σᵢ fᵢ (eq. 13), so it is never summed over
    pairs; lⁿ = Σ Wⁿ ⊙ p.

    Args:
        units: Number of sums, the paper's D₁.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, fields, dim]`.

    Output shape:
        `[batch, units]`.

    Example:
        >>> vectors = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> OuterProduct(4)(vectors).shape.as_list()
        [1, 4]

    References:
        Qu et al.: Product-based Neural Networks for User Response Prediction, ICDM 2016,
        arXiv:1611.00144, section III-C.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Create W, a row for each value of p."""
        self.kernel = self.add_weight(
            name="kernel", shape=[input_shape[2] ** 2, self.units], initializer="glorot_uniform"
        )
        super().build(input_shape)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the sums."""
        total = tf.reduce_sum(vectors, axis=1)
        products = total[:, :, tf.newaxis] * total[:, tf.newaxis]
        return tf.matmul(tf.reshape(products, [-1, vectors.shape[2] ** 2]), self.kernel)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": self.units}
