"""The cross network whose layers are mixtures of experts of low rank."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MixtureCross(tf.keras.layers.Layer):
    """Crosses a vector with itself, each layer a mixture of experts: x ← Σᵢ Gᵢ(x) Eᵢ(x) + x.

    An expert is Eᵢ(x) = x₀ ⊙ (Uᵢ g(Cᵢ g(Vᵢᵀ x)) + b), with g = tanh in the space of low rank; the
    gates G(x) are the softmax of a linear map. Since they sum to one, b is added once, and the
    experts of a layer are multiplied as one matrix.

    Args:
        depth: Number of layers.
        rank: Width of U, C and V of an expert.
        experts: Number of experts in a layer.
        **kwargs: Of the Keras layer.

    Input shape:
        x₀, `[batch, dim]`.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> MixtureCross(depth=2, rank=3, experts=4)(tf.ones([2, 5])).shape.as_list()
        [2, 5]

    References:
        Wang et al.: DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
        Learning to Rank Systems, WWW 2021, arXiv:2008.13535, equations 3 to 5.
    """

    def __init__(self, depth: int, rank: int, experts: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth
        self.rank = rank
        self.experts = experts

    def build(self, input_shape: Any) -> None:
        """Create the weights of all layers."""
        width, rank, experts = input_shape[-1], self.rank, self.experts
        shapes = {
            "reduction": [width, experts * rank],
            "core": [experts, rank, rank],
            "expansion": [experts * rank, width],
            "gate": [width, experts],
            "bias": [width],
        }
        self.blocks = [
            {
                name: self.add_weight(
                    name=f"{name}_{layer}",
                    shape=shape,
                    initializer="zeros" if name == "bias" else "glorot_uniform",
                )
                for name, shape in shapes.items()
            }
            for layer in range(self.depth)
        ]
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the output of the last layer."""
        crossed = inputs
        for layer in self.blocks:
            gates = tf.nn.softmax(tf.matmul(crossed, layer["gate"]))
            reduced = tf.tanh(tf.matmul(crossed, layer["reduction"]))
            reduced = tf.reshape(reduced, [-1, self.experts, self.rank])
            reduced = tf.tanh(tf.einsum("ber,ers->bes", reduced, layer["core"]))
            mixed = tf.reshape(reduced * gates[:, :, tf.newaxis], [-1, self.experts * self.rank])
            crossed += inputs * (tf.matmul(mixed, layer["expansion"]) + layer["bias"])
        return crossed

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "depth": self.depth,
            "rank": self.rank,
            "experts": self.experts,
        }
