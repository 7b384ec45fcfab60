"""Dense layers side by side."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class ParallelDense(tf.keras.layers.Layer):
    """Applies n dense layers of the same width: yᵢ = f(Wᵢ xᵢ + bᵢ).

    Where all have one input they are one product.

    Args:
        count: Number n of layers.
        units: Width of each.
        activation: Keras activation f.
        use_bias: Whether there is a bias b.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, dim]`, one input for all, or `[batch, count, dim]`, one for each.

    Output shape:
        `[batch, count, units]`.

    Example:
        >>> ParallelDense(count=4, units=3)(tf.ones([2, 5])).shape.as_list()
        [2, 4, 3]
        >>> ParallelDense(count=4, units=3)(tf.ones([2, 4, 5])).shape.as_list()
        [2, 4, 3]
    """

    def __init__(
        self,
        count: int,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.count = count
        self.units = units
        self.activation = activation
        self.use_bias = use_bias
        self._activate = tf.keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        width = input_shape[-1]
        # Glorot's limit of one layer; of the whole weight Keras would take another.
        limit = math.sqrt(6 / (width + self.units))
        self.kernel = self.add_weight(
            name="kernel",
            shape=[width, self.count, self.units],
            initializer=tf.keras.initializers.RandomUniform(-limit, limit),
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=[self.count, self.units], initializer="zeros"
            )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the outputs of all layers."""
        if inputs.shape.rank == 2:
            outputs = tf.matmul(inputs, tf.reshape(self.kernel, [-1, self.count * self.units]))
            outputs = tf.reshape(outputs, [-1, self.count, self.units])
        else:
            # One by one: on a processor a batched product of float16 takes a hundred times as long.
            pairs = zip(tf.unstack(inputs, axis=1), tf.unstack(self.kernel, axis=1), strict=True)
            outputs = tf.stack([tf.matmul(x, kernel) for x, kernel in pairs], axis=1)
        return self._activate(outputs + self.bias if self.use_bias else outputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "count": self.count,
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }
