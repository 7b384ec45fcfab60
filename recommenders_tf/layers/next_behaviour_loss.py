"""A loss that has each state of a recurrent network tell what the user did next."""

from __future__ import annotations

import random
from typing import Any

import tensorflow as tf


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class NextBehaviourLoss(tf.keras.layers.Layer):
    """Asks of each state hₜ to know the next behaviour from a drawn one (eq. 6).

    L = −mean [log σ(hₜ · e[t+1]) + log(1 − σ(hₜ · ê[t+1]))] over the real steps t of all lists

    The negatives ê are drawn from the real behaviours of the batch, each with all its columns,
    since an item with the category of another would be told at a glance; one that is the clicked
    item itself is left out. The paper sums over the steps of a list and its authors' program takes
    the mean, as this does: the loss then doesn't grow with the lists.

    Args:
        seed: Of the draws; None takes one from Python's `random`, which
            `tf.keras.utils.set_random_seed` seeds.
        **kwargs: Of the Keras layer.

    Call arguments:
        states: hₜ, `[batch, length, dim]`.
        behaviours: Vectors e[t], `[batch, length, dim]`.
        ids: What tells behaviours apart, int64 `[batch, length]`.
        mask: Bool `[batch, length]`, False at padding.

    Output shape:
        Float32 scalar; zero where no list has a next step.

    Example:
        >>> zeros, mask = tf.zeros([2, 3, 4]), tf.ones([2, 3], tf.bool)
        >>> ids = tf.reshape(tf.range(6, dtype=tf.int64), [2, 3])
        >>> round(float(NextBehaviourLoss()(zeros, zeros, ids, mask)), 1) <= 1.4
        True

    References:
        Zhou et al.: Deep Interest Evolution Network for Click-Through Rate Prediction, AAAI 2019,
        arXiv:1809.03672, equation 6.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = random.randint(1, 10**9) if seed is None else seed
        self.generator = tf.random.Generator.from_seed(self.seed)

    def call(
        self, states: tf.Tensor, behaviours: tf.Tensor, ids: tf.Tensor, mask: tf.Tensor
    ) -> tf.Tensor:
        """Return the mean loss of the steps."""
        # Next ones by a roll and not by slices, whose gradients take far longer. The last step has
        # none; its loss counts nothing.
        following = tf.roll(behaviours, -1, axis=1)
        drawn = self.draw(mask)
        negatives = tf.gather(tf.reshape(behaviours, [-1, behaviours.shape[2]]), drawn)
        differs = tf.gather(tf.reshape(ids, [-1]), drawn) != tf.roll(ids, -1, axis=1)
        real = tf.cast(tf.pad(mask[:, 1:], [[0, 0], [0, 1]]), tf.float32)
        positive, negative = _inner(states, following), _inner(states, negatives)
        losses = tf.nn.softplus(-positive) + tf.where(differs, tf.nn.softplus(negative), 0.0)
        return tf.math.divide_no_nan(tf.reduce_sum(real * losses), tf.reduce_sum(real))

    def draw(self, mask: tf.Tensor) -> tf.Tensor:
        """Return for every step the place of a random real one among all, int32 in its shape."""
        flat = tf.reshape(mask, [-1])
        # Real places first, in a shape that XLA knows.
        places = tf.argsort(tf.cast(~flat, tf.int32), stable=True)
        real = tf.cast(tf.math.count_nonzero(flat), tf.float32)
        drawn = tf.cast(self.generator.uniform(tf.shape(mask)) * real, tf.int32)
        return tf.gather(places, drawn)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"seed": self.seed}


def _inner(states: tf.Tensor, behaviours: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.reduce_sum(states * behaviours, axis=2), tf.float32)
