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
    a softmax: their sum tells how strong the interest is. The first layer is applied to the four
    parts without laying them side by side, q once for the whole list, k and q − k as one product:
    W [q, k, q − k, q ⊙ k] = (W₁ + W₃) q + (W₂ − W₃) k + W₄ (q ⊙ k).

    Args:
        units: Width of each hidden layer of the activation unit.
        activation: Of these layers; see `MLP`.
        **kwargs: Of the Keras layer.

    Call arguments:
        query: `[batch, dim]`.
        keys: `[batch, length, dim]`.
        mask: Bool `[batch, length]`, False at padding, which enters neither the sum nor the
            statistics of Dice.
        training: Whether Dice takes the statistics of the batch.

    Output shape:
        `[batch, dim]`.

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

    def __init__(
        self, units: Sequence[int] = (80, 40), activation: str = "dice", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not units:
            raise ValueError("`units` must name at least one layer width; it is empty.")
        self.units = list(units)
        self.activation = activation
        self.first_activation = activation_layer(activation)
        self.rest = MLP([*self.units[1:], 1], activation, name="rest")

    def build(self, input_shape: Any) -> None:
        """Create the weights of the first layer."""
        width, units = input_shape[-1], self.units[0]
        self.kernel = self.add_weight(name="kernel", shape=[4 * width, units])
        self.bias = self.add_weight(name="bias", shape=[units], initializer="zeros")
        super().build(input_shape)

    def call(
        self, query: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """Return the weighted sums."""
        length, width = keys.shape[1:]
        of_query, of_key, of_difference, of_product = tf.split(self.kernel, 4)
        once = tf.matmul(query, of_query + of_difference) + self.bias
        each = tf.matmul(tf.reshape(keys, [-1, width]), of_key - of_difference)
        product = tf.reshape(keys * query[:, tf.newaxis], [-1, width])
        each = tf.reshape(each + tf.matmul(product, of_product), [-1, length, self.units[0]])
        hidden = tf.reshape(each + once[:, tf.newaxis], [-1, self.units[0]])
        real = tf.reshape(mask, [-1])
        hidden = call_block(self.first_activation, hidden, training, real)
        weights = tf.reshape(self.rest(hidden, mask=real, training=training), [-1, length])
        return tf.einsum("bl,bld->bd", weights * tf.cast(mask, weights.dtype), keys)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"units": list(self.units), "activation": self.activation}
