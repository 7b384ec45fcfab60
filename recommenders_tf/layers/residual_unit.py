"""Two dense layers that learn what to add to their input."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class ResidualUnit(tf.keras.layers.Layer):
    """Computes max(0, x + W₁ max(0, W₀ x + b₀) + b₁): the input is added before the last ReLU.

    Args:
        units: Width of the layer within; the output is as wide as the input.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, dim]`.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> ResidualUnit(4)(tf.ones([2, 3])).shape.as_list()
        [2, 3]

    References:
        Shan et al.: Deep Crossing: Web-Scale Modeling without Manually Crafted Combinatorial
        Features, KDD 2016, equation 4 and figure 2.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Create the two layers."""
        self.inner = tf.keras.layers.Dense(self.units, "relu", name="inner")
        self.outer = tf.keras.layers.Dense(input_shape[-1], name="outer")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the output of the unit."""
        return tf.nn.relu(inputs + self.outer(self.inner(inputs)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": self.units}
