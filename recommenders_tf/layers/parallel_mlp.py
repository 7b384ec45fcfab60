"""Networks of one shape side by side: the experts, or the towers, of a multi-task model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.parallel_dense import ParallelDense


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class ParallelMLP(tf.keras.layers.Layer):
    """Applies n stacks of dense layers that share no weight, layer by layer.

    Args:
        count: Number n of networks.
        units: Width of each layer of a network.
        activation: Keras activation of every layer but the last.
        final_activation: Keras activation of the last layer.
        dropout: Share of the values set to zero after every layer but the last.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, dim]`, one input for all, or `[batch, count, dim]`, one for each.
        training: Whether to drop values.

    Output shape:
        `[batch, count, units[-1]]`.

    Raises:
        ValueError: `units` is empty.

    Example:
        >>> ParallelMLP(count=4, units=[8, 1])(tf.ones([2, 5])).shape.as_list()
        [2, 4, 1]
    """

    def __init__(
        self,
        count: int,
        units: Sequence[int],
        activation: str = "relu",
        final_activation: str | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not units:
            raise ValueError("`units` must name at least one layer width; it is empty.")
        self.count = count
        self.units = list(units)
        self.activation = activation
        self.final_activation = final_activation
        self.dropout = dropout
        self.hidden = [ParallelDense(count, width, activation) for width in self.units[:-1]]
        self.final = ParallelDense(count, self.units[-1], final_activation)
        self.drop = tf.keras.layers.Dropout(dropout)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the outputs of all networks."""
        for layer in self.hidden:
            inputs = self.drop(layer(inputs), training=training)
        return self.final(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "count": self.count,
            "units": list(self.units),
            "activation": self.activation,
            "final_activation": self.final_activation,
            "dropout": self.dropout,
        }
