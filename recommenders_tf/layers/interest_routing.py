"""Several interests of a user from what was met, by dynamic routing."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class InterestRouting(tf.keras.layers.Layer):
    """Routes the steps of a sequence to K capsules, after every step those up to it.

    With êⱼₖ = Wₖ eⱼ of each step j, or S eⱼ where all capsules share it, and logits bⱼₖ,

        wⱼₖ = softmax over k of bⱼₖ,    zₖ = Σⱼ wⱼₖ êⱼₖ,    vₖ = squash(zₖ),    bⱼₖ ← bⱼₖ + êⱼₖᵀ vₖ

    are repeated, where squash(z) = |z|² / (1 + |z|²) z / |z|. Gradients go through the last of the
    rounds. Logits begin at 0; capsules that share their matrix would stay alike, so that theirs
    are drawn from a normal distribution, one for each capsule and distance from the last step,
    once and for all: an answer is the same whenever it is asked for.

    Args:
        interests: Number K of capsules.
        length: Most steps of a sequence.
        shared: Whether they share one matrix.
        rounds: How often it is repeated.
        **kwargs: Of the Keras layer.

    Call arguments:
        inputs: `[batch, steps, dim]`.
        visible: Bool `[batch, steps, steps]`, as `visible_steps` gives it where it is causal.

    Output shape:
        `[batch, steps, interests, dim]`; zeros where nothing is visible.

    Raises:
        ValueError: An argument is below 1.

    Example:
        >>> from recommenders_tf.layers import visible_steps
        >>> layer = InterestRouting(interests=2, length=3)
        >>> layer(tf.ones([1, 3, 4]), visible_steps(tf.constant([[3, 2, 1]]), True)).shape.as_list()
        [1, 3, 2, 4]

    References:
        Li et al.: Multi-Interest Network with Dynamic Routing for Recommendation at Tmall, CIKM
        2019, arXiv:1904.08030, section 3.3; Cen et al.: Controllable Multi-Interest Framework for
        Recommendation, KDD 2020, arXiv:2005.09347, equations 1 to 5.
    """

    def __init__(
        self, interests: int, length: int, shared: bool = False, rounds: int = 3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if min(interests, length, rounds) < 1:
            raise ValueError(
                "`interests`, `length` and `rounds` must be at least 1; they are "
                f"{interests}, {length} and {rounds}."
            )
        self.interests = interests
        self.length = length
        self.shared = shared
        self.rounds = rounds

    def build(self, input_shape: Any) -> None:
        """Create the matrices."""
        dim = input_shape[-1]
        width = dim if self.shared else self.interests * dim
        limit = (3 / dim) ** 0.5  # each as if it were alone
        uniform = tf.keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(name="kernel", shape=[dim, width], initializer=uniform)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
        """Return the capsules."""
        steps, dim = tf.shape(inputs)[1], inputs.shape[2]
        told = tf.tensordot(inputs, self.kernel, 1)
        if self.shared:
            told = tf.tile(told, [1, 1, self.interests])
        told = tf.reshape(told, [-1, steps, self.interests, dim])
        fixed = tf.stop_gradient(told)
        logits = self._first_logits(steps)
        for number in range(self.rounds):
            of_round = told if number == self.rounds - 1 else fixed
            weights = tf.cast(tf.nn.softmax(logits), told.dtype)
            weights = tf.where(visible[:, :, :, tf.newaxis], weights, 0)
            capsules = _squash(tf.einsum("btjk,bjkd->btkd", weights, of_round))
            agreed = tf.einsum("btkd,bjkd->btjk", tf.stop_gradient(capsules), fixed)
            logits += tf.cast(agreed, tf.float32)
        return capsules

    def _first_logits(self, steps: tf.Tensor) -> tf.Tensor:
        """Return where the logits begin, float32 `[1, steps, steps, interests]`."""
        if not self.shared:
            return tf.zeros([1, steps, steps, self.interests])
        drawn = np.random.default_rng(0).normal(size=[self.length, self.interests])
        places = tf.range(steps)
        distance = tf.abs(places[:, tf.newaxis] - places)
        return tf.gather(tf.constant(drawn, tf.float32), distance)[tf.newaxis]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "interests": self.interests,
            "length": self.length,
            "shared": self.shared,
            "rounds": self.rounds,
        }


def _squash(vectors: tf.Tensor) -> tf.Tensor:
    """Return vectors in their direction, longer than 0 and shorter than 1."""
    exact = tf.cast(vectors, tf.float32)
    square = tf.reduce_sum(exact**2, axis=-1, keepdims=True)
    return tf.cast(exact * tf.sqrt(square + 1e-9) / (1 + square), vectors.dtype)
