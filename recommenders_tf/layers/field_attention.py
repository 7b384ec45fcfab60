"""Attention of the fields of an example to one another."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class FieldAttention(tf.keras.layers.Layer):
    """Lets every field attend to all fields, in several heads, and adds the field itself.

    In head h, field m weighs field k by αₘₖ = softmaxₖ ⟨W_Query eₘ, W_Key eₖ⟩ (eq. 5) and takes
    ẽₘ = Σₖ αₘₖ W_Value eₖ (eq. 6). The heads side by side and a projection of the field give
    ReLU(ẽₘ + W_Res eₘ) (eq. 7 and 8). The products are not scaled, as in the paper.

    Args:
        units: Width of each head.
        heads: Number of heads.
        **kwargs: Of the Keras layer.

    Input shape:
        `[batch, fields, dim]`.

    Output shape:
        `[batch, fields, heads · units]`.

    Example:
        >>> FieldAttention(units=4, heads=2)(tf.ones([3, 5, 6])).shape.as_list()
        [3, 5, 8]

    References:
        Song et al.: AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural
        Networks, CIKM 2019, arXiv:1810.11921, section 4.4.
    """

    def __init__(self, units: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.heads = heads

    def build(self, input_shape: Any) -> None:
        """Create the projections."""
        shape = [input_shape[-1], self.heads * self.units]
        self.kernels = [
            self.add_weight(name=name, shape=shape, initializer="glorot_uniform")
            for name in ("query", "key", "value", "residual")
        ]
        super().build(input_shape)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the vectors of the fields after their attention."""
        fields, width = vectors.shape[1], self.heads * self.units
        projected = tf.matmul(vectors, tf.concat(self.kernels, axis=1))  # one product for all four
        *parts, residual = tf.split(projected, 4, axis=2)
        shape = [-1, fields, self.heads, self.units]
        query, key, value = (tf.transpose(tf.reshape(p, shape), [0, 2, 1, 3]) for p in parts)
        weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
        attended = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return tf.nn.relu(tf.reshape(attended, [-1, fields, width]) + residual)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": self.units, "heads": self.heads}
