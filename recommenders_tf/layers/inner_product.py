"""Weighted sums of the inner products of all pairs of vectors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.dot_interaction import DotInteraction


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class InnerProduct(tf.keras.layers.Layer):
    """Projects the products fᵢ·fⱼ of all pairs of vectors to `units` sums, l_p of an IPNN.

    In full, lⁿ = Σᵢ Σⱼ﹤ᵢ Wⁿᵢⱼ fᵢ·fⱼ (eq. 4, each pair once). Decomposed, Wⁿ = θⁿ θⁿᵀ, and so
    lⁿ = ‖Σᵢ θⁿᵢ fᵢ‖² (eq. 8 to 10): time and weights are linear in the number of vectors, but no
    sum can be negative and every one holds the squares ‖fᵢ‖².

    Args:
        units: Number of sums, the paper's D₁.
        decomposed: Whether each W is the product of a vector with itself.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, fields, dim]`.

    Output shape:
        `[batch, units]`.

    Example:
        >>> vectors = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> InnerProduct(4)(vectors).shape.as_list()
        [1, 4]

    References:
        Qu et al.: Product-based Neural Networks for User Response Prediction, ICDM 2016,
        arXiv:1611.00144, section III-B.
    """

    def __init__(self, units: int, decomposed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.decomposed = decomposed
        self.pairs = DotInteraction(name="pairs")

    def build(self, input_shape: Any) -> None:
        """Create θ, or W of every pair."""
        fields = input_shape[1]
        rows = fields if self.decomposed else fields * (fields - 1) // 2
        self.kernel = self.add_weight(
            name="kernel", shape=[rows, self.units], initializer="glorot_uniform"
        )
        super().build(input_shape)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the sums."""
        if not self.decomposed:
            return tf.matmul(self.pairs(vectors), self.kernel)
        sums = tf.einsum("bfd,fn->bnd", vectors, self.kernel)
        return tf.reduce_sum(tf.square(sums), axis=2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": self.units, "decomposed": self.decomposed}
