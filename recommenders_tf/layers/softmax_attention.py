"""What share of a query's attention each vector of a list gets."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SoftmaxAttention(tf.keras.layers.Layer):
    """Weighs the vectors of a list by their fit to a query: aₜ = softmaxₜ(hₜ W e).

    Padding gets zero, and so does all of an empty list.

    Args:
        key_dim: Width of the vectors hₜ.
        **kwargs: Of the Keras layer.

    Call arguments:
        query: e, `[batch, query_dim]`.
        keys: hₜ, `[batch, length, key_dim]`.
        mask: Bool `[batch, length]`, False at padding.

    Output shape:
        `[batch, length]`; the sum of a list that is not empty is 1.

    Example:
        >>> mask = tf.constant([[True, True, False]])
        >>> SoftmaxAttention(4)(tf.ones([1, 2]), tf.ones([1, 3, 4]), mask).numpy().tolist()
        [[0.5, 0.5, 0.0]]

    References:
        Zhou et al.: Deep Interest Evolution Network for Click-Through Rate Prediction, AAAI 2019,
        arXiv:1809.03672, equation 8.
    """

    def __init__(self, key_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key_dim = key_dim

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        self.kernel = self.add_weight(name="kernel", shape=[self.key_dim, input_shape[-1]])
        super().build(input_shape)

    def call(self, query: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Return the weights."""
        projected = tf.matmul(query, self.kernel, transpose_b=True)
        fits = tf.cast(tf.einsum("blk,bk->bl", keys, projected), tf.float32)
        shares = tf.nn.softmax(tf.where(mask, fits, tf.float32.min), axis=1)
        return tf.cast(tf.where(mask, shares, 0.0), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"key_dim": self.key_dim}
