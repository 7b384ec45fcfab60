"""The cross network whose weights are vectors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class VectorCross(tf.keras.layers.Layer):
    """Crosses a vector with itself, one degree a layer: x ← x₀ (xᵀ w) + b + x.

    Every layer's output is a multiple of x₀ and a vector that is the same for all examples,
    xₗ = αₗ x₀ + βₗ with αₗ₊₁ = αₗ (1 + x₀ᵀ wₗ) + βₗᵀ wₗ and βₗ₊₁ = βₗ + bₗ. So one matrix product
    of x₀ with all w serves the whole network, and the layers are numbers.

    Args:
        depth: Number of layers.
        **kwargs: Of the Keras layer.

    Input shape:
        x₀, `[batch, dim]`.

    Output shape:
        `[batch, dim]`.

    Raises:
        ValueError: `depth` is less than 1.

    Example:
        >>> VectorCross(depth=3)(tf.ones([2, 5])).shape.as_list()
        [2, 5]

    References:
        Wang et al.: Deep & Cross Network for Ad Click Predictions, ADKDD 2017, arXiv:1708.05123,
        equation 3.
    """

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if depth < 1:
            raise ValueError(f"`depth` is {depth}; a cross network has at least one layer.")
        self.depth = depth

    def build(self, input_shape: Any) -> None:
        """Create w and b of all layers."""
        shape = [input_shape[-1], self.depth]
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=shape, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the output of the last layer."""
        shifts = tf.cumsum(self.bias, axis=1, exclusive=True)
        products = tf.unstack(tf.matmul(inputs, self.kernel), axis=1)
        offsets = tf.unstack(tf.reduce_sum(shifts * self.kernel, axis=0))
        scale = tf.ones_like(products[0])
        for product, offset in zip(products, offsets, strict=True):
            scale += scale * product + offset
        return scale[:, tf.newaxis] * inputs + tf.reduce_sum(self.bias, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"depth": self.depth}
