"""Which values of a vector count, by what else is known of the example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.mlp import MLP


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class FeatureGate(tf.keras.layers.Layer):
    """Scales every value of a vector between 0 and 2 by a network over a context: 2σ(g(z)) ⊙ x.

    Args:
        units: Hidden layers of the network g.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: x, `[batch, dim]`.
        context: z, `[batch, width]`.

    Output shape:
        `[batch, dim]`.

    Example:
        >>> FeatureGate([8])(tf.ones([2, 6]), tf.ones([2, 3])).shape.as_list()
        [2, 6]

    References:
        Mao et al.: FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction, AAAI 2023,
        arXiv:2304.00902, section "Stream-Specific Feature Selection".
    """

    def __init__(self, units: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = list(units)

    def build(self, input_shape: Any) -> None:
        """Create the network, whose last layer is as wide as the vector."""
        self.gate = MLP([*self.units, input_shape[-1]], name="gate")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
        """Return the scaled vectors."""
        return 2 * tf.sigmoid(self.gate(context)) * inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": list(self.units)}
