"""How much each field of an example matters."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SqueezeExcitation(tf.keras.layers.Layer):
    """Weighs the fields of an example: a = ReLU(W₂ ReLU(W₁ z)), zᵢ the mean of field i's vector.

    The means squeeze the vectors; two dense layers without a bias, the first narrower by the
    reduction ratio, excite the fields. To weigh the vectors multiply them: vᵢ = aᵢ eᵢ.

    Args:
        reduction_ratio: By how much the first dense layer is narrower than there are fields; it
            has one unit at least.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, fields, dim]`.

    Output shape:
        a, `[batch, fields]`.

    Example:
        >>> SqueezeExcitation(reduction_ratio=3)(tf.ones([2, 6, 4])).shape.as_list()
        [2, 6]

    References:
        Huang et al.: FiBiNET: Combining Feature Importance and Bilinear Feature Interaction for
        Click-Through Rate Prediction, RecSys 2019, arXiv:1905.09433, section 3.3.
    """

    def __init__(self, reduction_ratio: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reduction_ratio = reduction_ratio

    def build(self, input_shape: Any) -> None:
        """Create the dense layers."""
        fields = input_shape[1]
        reduced = max(1, fields // self.reduction_ratio)
        self.reduce = self.add_weight(
            name="reduce", shape=[fields, reduced], initializer="glorot_uniform"
        )
        self.expand = self.add_weight(
            name="expand", shape=[reduced, fields], initializer="glorot_uniform"
        )
        super().build(input_shape)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the weights of the fields."""
        means = tf.reduce_mean(vectors, axis=2)
        return tf.nn.relu(tf.matmul(tf.nn.relu(tf.matmul(means, self.reduce)), self.expand))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"reduction_ratio": self.reduction_ratio}
