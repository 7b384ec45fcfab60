"""A dense layer over rows that are mostly zeros."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SparseDense(tf.keras.layers.Layer):
    """Computes f(W x + b), at a cost of the values that are there: what is 0 is skipped.

    The product is a sum of the rows of W that belong to what a user has met. It is computed in
    float32, whatever the precision of the model.

    Args:
        input_dim: Width of x.
        units: Width of the result.
        activation: f, one of Keras; None leaves the sum as it is.
        dropout: Share of the values of x that are set to zero in training, the others being scaled
            up by 1 / (1 - dropout).
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, input_dim]`, a `tf.SparseTensor` or, for rows without zeros, a tensor.
        training: Whether to drop values.

    Output shape:
        `[batch, units]`.

    Example:
        >>> layer = SparseDense(3, 2)
        >>> layer(tf.sparse.from_dense([[0.0, 5.0, 0.0]])).shape
        TensorShape([1, 2])
    """

    def __init__(
        self,
        input_dim: int,
        units: int,
        activation: str | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.units = units
        self.activation = activation
        self.dropout = dropout
        self.activate = tf.keras.activations.get(activation)
        self.drop = tf.keras.layers.Dropout(dropout, dtype=tf.float32)

    def build(self, input_shape: Any) -> None:
        """Create W and b."""
        self.kernel, self.bias = (
            self.add_weight(
                name=name, shape=shape, initializer=initializer, experimental_autocast=False
            )
            for name, shape, initializer in (
                ("kernel", [self.input_dim, self.units], "glorot_uniform"),
                ("bias", [self.units], "zeros"),
            )
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor | tf.SparseTensor, training: bool = False) -> tf.Tensor:
        """Return f(W x + b)."""
        inputs = tf.cast(inputs, tf.float32)
        if isinstance(inputs, tf.SparseTensor):
            inputs = inputs.with_values(self.drop(inputs.values, training=training))
            product = tf.sparse.sparse_dense_matmul(inputs, self.kernel)
        else:
            product = tf.matmul(self.drop(inputs, training=training), self.kernel)
        return self.activate(tf.cast(product + self.bias, self.compute_dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "input_dim": self.input_dim,
            "units": self.units,
            "activation": self.activation,
            "dropout": self.dropout,
        }
