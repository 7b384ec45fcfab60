"""Every step of a sequence from the others, as much as they concern it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SelfAttention(tf.keras.layers.Layer):
    """Computes softmax(Q Kᵀ / √d) V in several heads, Q, K and V projections of the same steps.

    Keras' `MultiHeadAttention` projects query, key and value one after another, and always the
    output too; here the three are one matrix product. Who may see whom is given, once for
    all layers: see `visible_steps`.

    Args:
        heads: Heads, each a part of the width.
        project: Whether a matrix mixes the heads' outputs.
        dropout: Share of the attention that is dropped.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, dim]`.
        visible: Bool `[batch, steps, steps]`: whether the step of a row may see that of a column.
        training: Whether to drop.

    Output shape:
        `[batch, steps, dim]`. A step that may see nothing gets the mean of all values.

    Raises:
        ValueError: `dim` cannot be divided by `heads`.

    Example:
        >>> layer = SelfAttention(heads=2)
        >>> visible = visible_steps(tf.constant([[3, 2, 1]]), causal=True)
        >>> layer(tf.ones([1, 3, 4]), visible).shape.as_list()
        [1, 3, 4]

    References:
        Vaswani et al.: Attention Is All You Need, NIPS 2017, arXiv:1706.03762, section 3.2.
    """

    def __init__(
        self, heads: int = 1, project: bool = True, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.project = project
        self.dropout = dropout
        self.drop = tf.keras.layers.Dropout(dropout)

    def build(self, input_shape: Any) -> None:
        """Create the projections."""
        dim = input_shape[-1]
        if dim % self.heads:
            raise ValueError(
                f"Attention in {self.heads} heads parts vectors into as many pieces, but they are "
                f"{dim} wide: give a width that `heads` divides."
            )
        # Each third as if it were a matrix of its own.
        glorot = tf.keras.initializers.RandomUniform(-((3 / dim) ** 0.5), (3 / dim) ** 0.5)
        self.kernel = self.add_weight(name="kernel", shape=[dim, 3 * dim], initializer=glorot)
        self.bias = self.add_weight(name="bias", shape=[3 * dim], initializer="zeros")
        if self.project:
            self.mix = self.add_weight(name="mix", shape=[dim, dim])
            self.mix_bias = self.add_weight(name="mix_bias", shape=[dim], initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, visible: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the attended values."""
        steps, dim = inputs.shape[1:]
        part = dim // self.heads
        projected = tf.tensordot(inputs, self.kernel, 1) + self.bias
        heads = tf.reshape(projected, [-1, steps, 3 * self.heads, part])
        query, key, value = tf.split(tf.transpose(heads, [0, 2, 1, 3]), 3, axis=1)
        scores = tf.matmul(query * part**-0.5, key, transpose_b=True)
        scores = tf.cast(scores, tf.float32)
        scores = tf.where(visible[:, tf.newaxis], scores, scores.dtype.min)
        weights = tf.cast(tf.nn.softmax(scores), self.compute_dtype)
        attended = tf.matmul(self.drop(weights, training=training), value)
        attended = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [-1, steps, dim])
        if not self.project:
            return attended
        return tf.tensordot(attended, self.mix, 1) + self.mix_bias

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "heads": self.heads,
            "project": self.project,
            "dropout": self.dropout,
        }


def visible_steps(remaining: tf.Tensor, causal: bool) -> tf.Tensor:
    """Return which steps may see which: those of the same sequence, and of them the earlier ones.

    Args:
        remaining: Steps that are left of the sequence, the step itself included; 0 at padding;
            `[batch, steps]`. Several sequences may stand in a row.
        causal: Whether a step sees itself and earlier ones alone.

    Returns:
        Bool `[batch, steps, steps]`.

    Example:
        >>> visible_steps(tf.constant([[2, 1, 1, 0]]), causal=True).numpy().astype(int).tolist()
        [[[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]]
    """
    place = tf.range(tf.shape(remaining)[1])
    remaining = tf.cast(remaining, tf.int32)
    end = tf.where(remaining > 0, place + remaining, -1 - place)  # the same within a sequence
    visible = end[:, :, tf.newaxis] == end[:, tf.newaxis]
    visible &= (remaining > 0)[:, tf.newaxis]
    return visible & (place[:, tf.newaxis] >= place) if causal else visible
