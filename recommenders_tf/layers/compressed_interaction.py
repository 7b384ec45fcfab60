"""The compressed interaction network: products of vectors, one degree higher with every layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class CompressedInteraction(tf.keras.layers.Layer):
    """Multiplies vectors with the input's, layer by layer, and sums each product over its values.

    Layer k makes of its input's vectors Xᵏ⁻¹ and the first X⁰ the vectors
    Xᵏₕ = Σᵢ Σⱼ Wᵏₕᵢⱼ (Xᵏ⁻¹ᵢ ⊙ X⁰ⱼ) (eq. 6); the output holds the sum of the values of every vector
    of every layer (eq. 7). There is no activation between, as in the paper's models. Nothing needs
    the vectors of the last layer but their sums, and these are linear in the inner products of
    Xᵏ⁻¹ᵢ and X⁰ⱼ: they take `dim` times less work than the vectors.

    Args:
        units: Number of vectors of each layer.
        **kwargs: Of the Keras layer.

    Input shape:
        X⁰, `[batch, fields, dim]`.

    Output shape:
        `[batch, sum of units]`, layer by layer.

    Raises:
        ValueError: `units` is empty.

    Example:
        >>> vectors = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> CompressedInteraction([4, 2])(vectors).shape.as_list()
        [1, 6]

    References:
        Lian et al.: xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender
        Systems, KDD 2018, arXiv:1803.05170, section 3.1.
    """

    def __init__(self, units: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not units:
            raise ValueError("`units` must name the vectors of at least one layer; it is empty.")
        self.units = list(units)

    def build(self, input_shape: Any) -> None:
        """Create the weights of all layers, rows by i and j, columns by h."""
        fields = input_shape[1]
        self.kernels = [
            self.add_weight(
                name=f"kernel_{layer}", shape=[before * fields, width], initializer="glorot_uniform"
            )
            for layer, (before, width) in enumerate(
                zip([fields, *self.units], self.units, strict=False)
            )
        ]
        super().build(input_shape)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return the sums."""
        fields, dim = vectors.shape[1:]
        # With the values before the vectors a layer is one matrix product over the whole batch.
        start = before = tf.transpose(vectors, [0, 2, 1])
        sums = []
        for kernel in self.kernels[:-1]:
            products = before[:, :, :, tf.newaxis] * start[:, :, tf.newaxis]
            products = tf.reshape(products, [-1, before.shape[2] * fields])
            before = tf.reshape(tf.matmul(products, kernel), [-1, dim, kernel.shape[1]])
            sums.append(tf.reduce_sum(before, axis=1))
        products = tf.matmul(before, start, transpose_a=True)
        products = tf.reshape(products, [-1, before.shape[2] * fields])
        return tf.concat([*sums, tf.matmul(products, self.kernels[-1])], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": list(self.units)}
