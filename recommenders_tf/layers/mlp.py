"""A stack of dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.dice import Dice


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MLP(tf.keras.layers.Layer):
    """Applies dense layers one after another, x ← f(W x + b), with dropout between.

    Args:
        units: Width of each layer.
        activation: Activation of every layer but the last: `dice`, `prelu`, or one of Keras.
        final_activation: Activation of the last layer, one of Keras.
        dropout: Share of the values set to zero after every layer but the last.
        batch_norm: Whether every layer but the last is normalized over the batch before it is
            activated; see `batch_normalization`.
        hidden_output: Whether the last layer is a hidden one too, made as all others: where another
            layer takes what this returns. `final_activation` must then be None.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, dim]`.
        training: Whether to drop values and take the statistics of the batch.
        mask: Bool `[batch]`: rows that count in the statistics of `dice`; None counts all.

    Output shape:
        `[batch, units[-1]]`.

    Raises:
        ValueError: `units` is empty, or a hidden output has a final activation.

    Example:
        >>> MLP([8, 1])(tf.ones([2, 3])).shape.as_list()
        [2, 1]
        >>> MLP([8, 1], activation="dice", batch_norm=True)(tf.ones([2, 3])).shape.as_list()
        [2, 1]
    """

    def __init__(
        self,
        units: Sequence[int],
        activation: str = "relu",
        final_activation: str | None = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        hidden_output: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not units:
            raise ValueError("`units` must name at least one layer width; it is empty.")
        if hidden_output and final_activation is not None:
            raise ValueError("A `hidden_output` has the activation of all: no `final_activation`.")
        self.units = list(units)
        self.activation = activation
        self.final_activation = final_activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.hidden_output = hidden_output
        self.blocks: list[tf.keras.layers.Layer] = []
        for width in self.units if hidden_output else self.units[:-1]:
            self.blocks.append(tf.keras.layers.Dense(width))
            if batch_norm:
                self.blocks.append(batch_normalization())
            self.blocks.append(activation_layer(activation))
            if dropout:
                self.blocks.append(tf.keras.layers.Dropout(dropout))
        if not hidden_output:
            self.blocks.append(tf.keras.layers.Dense(self.units[-1], final_activation))

    def call(
        self, inputs: tf.Tensor, training: bool = False, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return the output of the last layer."""
        for block in self.blocks:
            inputs = call_block(block, inputs, training, mask)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": list(self.units),
            "activation": self.activation,
            "final_activation": self.final_activation,
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
            "hidden_output": self.hidden_output,
        }


def batch_normalization(**kwargs: Any) -> tf.keras.layers.BatchNormalization:
    """Return a normalization that is of use after some ten batches.

    Keras' own momentum, 0.99, takes hundreds: where an epoch has fewer, validation sees activations
    that are normalized by what the network was long ago, and early stopping ends a training that
    has only begun. Its epsilon, 1e-3, is not small beside the activations of regularized
    embeddings.

    Args:
        **kwargs: Of the Keras layer.
    """
    return tf.keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, **kwargs)


def activation_layer(name: str) -> tf.keras.layers.Layer:
    """Return the layer of an activation: `dice`, `prelu`, or one of Keras."""
    learned = {"dice": Dice, "prelu": tf.keras.layers.PReLU}
    return learned[name]() if name in learned else tf.keras.layers.Activation(name)


def call_block(
    block: tf.keras.layers.Layer, inputs: tf.Tensor, training: bool, mask: tf.Tensor | None
) -> tf.Tensor:
    """Call a layer with the mask of the rows if it is one that heeds it."""
    if isinstance(block, Dice):
        return block(inputs, mask=mask, training=training)
    return block(inputs, training=training)
