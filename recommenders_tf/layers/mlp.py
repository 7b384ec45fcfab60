"""A stack of dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MLP(tf.keras.layers.Layer):
    """Applies dense layers one after another, x ← f(W x + b), with dropout between.

    Args:
        units: Width of each layer.
        activation: Activation of every layer but the last.
        final_activation: Activation of the last layer.
        dropout: Share of the values set to zero after every layer but the last.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, dim]`.

    Output shape:
        `[batch, units[-1]]`.

    Example:
        >>> MLP([8, 1])(tf.ones([2, 3])).shape.as_list()
        [2, 1]
    """

    def __init__(
        self,
        units: Sequence[int],
        activation: str = "relu",
        final_activation: str | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not units:
            raise ValueError("`units` must name at least one layer width; it is empty.")
        self.units = list(units)
        self.activation = activation
        self.final_activation = final_activation
        self.dropout = dropout
        self.blocks: list[tf.keras.layers.Layer] = []
        for width in self.units[:-1]:
            self.blocks.append(tf.keras.layers.Dense(width, activation))
            if dropout:
                self.blocks.append(tf.keras.layers.Dropout(dropout))
        self.blocks.append(tf.keras.layers.Dense(self.units[-1], final_activation))

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the output of the last layer."""
        for block in self.blocks:
            inputs = block(inputs, training=training)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": list(self.units),
            "activation": self.activation,
            "final_activation": self.final_activation,
            "dropout": self.dropout,
        }
