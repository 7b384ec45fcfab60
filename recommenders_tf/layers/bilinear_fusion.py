"""One number of two vectors and of the products of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class BilinearFusion(tf.keras.layers.Layer):
    """Fuses two vectors: b + w₁ᵀo₁ + w₂ᵀo₂ + Σₕ o₁ₕᵀ Wₕ o₂ₕ, h the parts of both.

    Each head takes its part of the vectors, so that k heads need a k-th of the matrix that one
    needs. The weights of the linear terms, one part a head, are one weight over the whole.

    Args:
        heads: Number of parts.
        **kwargs: Of the Keras layer.

    Input shape:
        A pair o₁, `[batch, first dim]`, and o₂, `[batch, second dim]`.

    Output shape:
        `[batch, 1]`.

    Raises:
        ValueError: `heads` doesn't divide the width of a vector.

    Example:
        >>> BilinearFusion(heads=2)([tf.ones([3, 4]), tf.ones([3, 6])]).shape.as_list()
        [3, 1]

    References:
        Mao et al.: FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction, AAAI 2023,
        arXiv:2304.00902, section "Stream-Level Interaction Aggregation".
    """

    def __init__(self, heads: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.linear = tf.keras.layers.Dense(1, name="linear")

    def build(self, input_shape: Any) -> None:
        """Create the matrix of each head."""
        widths = [shape[-1] for shape in input_shape]
        for width in widths:
            if width % self.heads:
                raise ValueError(
                    f"{self.heads} `heads` don't divide a vector {width} wide into equal parts: "
                    "choose a divisor of the widths of both vectors."
                )
        first, second = (width // self.heads for width in widths)
        # Glorot's of a layer that takes all products to one number: by the matrix of a head alone
        # the first outputs would be as large as there are many products.
        bound = (6 / (self.heads * first * second + 1)) ** 0.5
        self.kernel = self.add_weight(
            name="kernel",
            shape=[self.heads, first, second],
            initializer=tf.keras.initializers.RandomUniform(-bound, bound),
        )
        super().build(input_shape)

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the numbers."""
        first, second = inputs
        parts = tf.reshape(first, [-1, self.heads, self.kernel.shape[1]])
        projected = tf.reshape(tf.einsum("bhi,hij->bhj", parts, self.kernel), tf.shape(second))
        products = tf.reduce_sum(projected * second, axis=1, keepdims=True)
        return self.linear(tf.concat([first, second], axis=1)) + products

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"heads": self.heads}
