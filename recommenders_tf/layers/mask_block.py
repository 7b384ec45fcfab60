"""A hidden layer whose input an example masks by itself."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.mlp import MLP


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class MaskBlock(tf.keras.layers.Layer):
    """Multiplies its input with a mask made of the embeddings: ReLU(LN(W (mask ⊙ x))).

    The instance-guided mask is W₂ ReLU(W₁ v + b₁) + b₂ of all embeddings v side by side: an
    aggregation, wider than the mask by the reduction ratio, and a projection to the width of x. x
    is the normalized embeddings or the output of another block.

    Args:
        units: Width of the output.
        reduction_ratio: Width of the aggregation over that of the mask.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: x, `[batch, dim]`.
        embeddings: v, `[batch, width]`.

    Output shape:
        `[batch, units]`.

    Example:
        >>> MaskBlock(8)(tf.ones([2, 6]), tf.ones([2, 3])).shape.as_list()
        [2, 8]

    References:
        Wang et al.: MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by
        Instance-Guided Mask, DLP-KDD 2021, arXiv:2102.07619, sections 3.2 and 3.3.
    """

    def __init__(self, units: int, reduction_ratio: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.reduction_ratio = reduction_ratio
        self.hidden = tf.keras.layers.Dense(units, use_bias=False, name="hidden")
        self.normalize = tf.keras.layers.LayerNormalization(epsilon=1e-5, name="normalize")

    def build(self, input_shape: Any) -> None:
        """Create the network of the mask, whose last layer is as wide as the input."""
        width = input_shape[-1]
        self.mask = MLP([round(self.reduction_ratio * width), width], name="mask")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """Return the output of the hidden layer."""
        return tf.nn.relu(self.normalize(self.hidden(self.mask(embeddings) * inputs)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": self.units,
            "reduction_ratio": self.reduction_ratio,
        }
