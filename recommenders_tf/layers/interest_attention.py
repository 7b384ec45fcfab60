"""Several interests of a user from what was met, by attention."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.position_embedding import PositionEmbedding


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class InterestAttention(tf.keras.layers.Layer):
    """Sums the steps of a sequence in K ways, after every step those up to it.

    Aₖ = softmax over j of (W₂ tanh(W₁ (hⱼ + pⱼ)))ₖ, and the interest is Σⱼ Aₖⱼ hⱼ, with a vector p
    of the position from the beginning.

    Args:
        interests: Number K of interests.
        length: Number of positions.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, dim]`.
        visible: Bool `[batch, steps, steps]`, as `visible_steps` gives it where it is causal.

    Output shape:
        `[batch, steps, interests, dim]`; zeros where nothing is visible.

    Raises:
        ValueError: `interests` is below 1.

    Example:
        >>> from recommenders_tf.layers import visible_steps
        >>> layer = InterestAttention(interests=2, length=3)
        >>> layer(tf.ones([1, 3, 4]), visible_steps(tf.constant([[3, 2, 1]]), True)).shape.as_list()
        [1, 3, 2, 4]

    References:
        Cen et al.: Controllable Multi-Interest Framework for Recommendation, KDD 2020,
        arXiv:2005.09347, equations 6 and 7; the hidden width, four times that of a step, is in the
        authors' program.
    """

    def __init__(self, interests: int, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if interests < 1:
            raise ValueError(f"`interests` must be at least 1; it is {interests}.")
        self.interests = interests
        self.length = length

    def build(self, input_shape: Any) -> None:
        """Create positions and network."""
        dim = input_shape[-1]
        self.positions = PositionEmbedding(self.length, dim, name="positions")
        self.hidden = tf.keras.layers.Dense(4 * dim, "tanh", use_bias=False, name="hidden")
        self.weigh = tf.keras.layers.Dense(self.interests, use_bias=False, name="weigh")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
        """Return the interests."""
        places = tf.reduce_sum(tf.cast(visible, tf.int32), axis=2)
        scores = self.weigh(self.hidden(inputs + self.positions(places)))
        scores = tf.cast(tf.transpose(scores, [0, 2, 1]), tf.float32)[:, :, tf.newaxis]
        seen = visible[:, tf.newaxis]
        weights = tf.nn.softmax(tf.where(seen, scores, scores.dtype.min))
        weights = tf.cast(tf.where(seen, weights, 0), inputs.dtype)
        return tf.einsum("bktj,bjd->btkd", weights, inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"interests": self.interests, "length": self.length}
