"""A list summed with weights that depend on what it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.mlp import MLP, activation_layer, call_block


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class TargetAttention(tf.keras.layers.Layer):
    """Sums the vectors of a list, each times its relevance to a query: Σⱼ a(q, kⱼ) kⱼ.

    The activation unit a is a network over [q, k, q − k, q ⊙ k]. Its weights are not normalized by
    a softmax unless that is asked for: their sum tells how strong the interest is. The first layer
    needs no difference:
    W [q, k, q − k, q ⊙ k] = (W₁ + W₃) q + (W₂ − W₃) k + W₄ (q ⊙ k).

    In training, padding is left out before anything is computed. XLA, which must know all shapes
    beforehand, and the answering of requests compute it too and leave it out of the sum.

    Args:
        units: Width of each hidden layer of the activation unit.
        activation: Of these layers; see `MLP`.
        normalized: Whether the weights are a softmax over the list; an empty one has none.
        **kwargs: Of the Keras layer.

    Call arguments:
        query: `[batch, dim]`.
        keys: `[batch, length, dim]`.
        mask: Bool `[batch, length]`, False at padding, which enters neither the sum nor the
            statistics of Dice.
        values: What is summed instead of the keys, `[batch, length, values_dim]`.
        training: Whether Dice takes the statistics of the batch.

    Attributes:
        native: Whether shapes may depend on the values; XLA cannot compile that.

    Output shape:
        `[batch, dim]`, or `[batch, values_dim]`.

    Raises:
        ValueError: `units` is empty.

    Example:
        >>> layer = TargetAttention([8])
        >>> layer(tf.ones([2, 4]), tf.ones([2, 3, 4]), tf.ones([2, 3], tf.bool)).shape.as_list()
        [2, 4]

    References:
        Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018,
        arXiv:1706.06978, equation 3 and figure 2; the difference is in the authors' program.
    """

    native = True

    def __init__(
        self,
        units: Sequence[int] = (80, 40),
        activation: str = "dice",
        normalized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not units:
            raise ValueError("`units` must name at least one layer width; it is empty.")
        self.units = list(units)
        self.activation = activation
        self.normalized = normalized
        self.first_activation = activation_layer(activation)
        self.rest = MLP([*self.units[1:], 1], activation, name="rest")

    def build(self, input_shape: Any) -> None:
        """Create the weights of the first layer."""
        width, units = input_shape[-1], self.units[0]
        self.kernel = self.add_weight(name="kernel", shape=[4 * width, units])
        self.bias = self.add_weight(name="bias", shape=[units], initializer="zeros")
        super().build(input_shape)

    def call(
        self,
        query: tf.Tensor,
        keys: tf.Tensor,
        mask: tf.Tensor,
        values: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Return the weighted sums."""
        batch, length = tf.shape(keys)[0], keys.shape[1]
        real, summed = None, keys if values is None else values
        if training and self.native:
            examples = tf.where(mask)[:, 0]
            keys, summed = (tf.boolean_mask(part, mask) for part in (keys, summed))
        else:
            examples, real = tf.repeat(tf.range(batch), length), tf.reshape(mask, [-1])
            keys, summed = (tf.reshape(part, [-1, part.shape[2]]) for part in (keys, summed))
        queries = tf.gather(query, examples)
        of_query, of_key, of_difference, of_product = tf.split(self.kernel, 4)
        kernel = tf.concat([of_query + of_difference, of_key - of_difference, of_product], axis=0)
        hidden = tf.matmul(tf.concat([queries, keys, queries * keys], axis=1), kernel) + self.bias
        hidden = call_block(self.first_activation, hidden, training, real)
        weights = self.rest(hidden, mask=real, training=training)
        if self.normalized:
            weights = _shares(weights, real, examples, batch)
        if real is not None:
            weights *= tf.cast(real, weights.dtype)[:, tf.newaxis]
        return tf.math.unsorted_segment_sum(weights * summed, examples, batch)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": list(self.units),
            "activation": self.activation,
            "normalized": self.normalized,
        }


def _shares(
    fits: tf.Tensor, real: tf.Tensor | None, examples: tf.Tensor, batch: tf.Tensor
) -> tf.Tensor:
    """Return the softmax of `[positions, 1]` fits among the real ones of each example."""
    wide = tf.cast(fits, tf.float32)
    if real is not None:
        wide = tf.where(real[:, tf.newaxis], wide, wide.dtype.min)
    peaks = tf.math.unsorted_segment_max(tf.stop_gradient(wide), examples, batch)
    powers = tf.exp(wide - tf.gather(peaks, examples))
    totals = tf.math.unsorted_segment_sum(powers, examples, batch)
    return tf.cast(powers / tf.gather(totals, examples), fits.dtype)
