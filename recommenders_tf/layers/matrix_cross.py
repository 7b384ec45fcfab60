"""The cross network whose weights are matrices, of full or of low rank."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MatrixCross(tf.keras.layers.Layer):
    """Crosses a vector with itself, one degree a layer: x ← x₀ ⊙ (W x + b) + x.

    With a rank, W is the product U Vᵀ of two matrices of that width.

    Args:
        depth: Number of layers.
        rank: Width of U and V; None gives W its full rank.
        **kwargs: Of the Keras layer.

    Input shape:
        x₀, `[batch, dim]`.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> MatrixCross(depth=3, rank=2)(tf.ones([2, 5])).shape.as_list()
        [2, 5]

    References:
        Wang et al.: DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
        Learning to Rank Systems, WWW 2021, arXiv:2008.13535, equations 1 and 2.
    """

    def __init__(self, depth: int, rank: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth
        self.rank = rank

    def build(self, input_shape: Any) -> None:
        """Create the layers."""
        width = input_shape[-1]
        self.reductions = [
            tf.keras.layers.Dense(self.rank, use_bias=False)
            for _ in range(self.depth if self.rank else 0)
        ]
        self.products = [tf.keras.layers.Dense(width) for _ in range(self.depth)]
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the output of the last layer."""
        crossed = inputs
        for layer, product in enumerate(self.products):
            factor = self.reductions[layer](crossed) if self.rank else crossed
            crossed += inputs * product(factor)
        return crossed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"depth": self.depth, "rank": self.rank}
