"""Items drawn at random by a power of how often they occur."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.layers.lower_bound import lower_bound


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class PopularNegatives(tf.keras.layers.Layer):
    """Draws ids with a probability in proportion to a power of their counts, anew at every call.

    What is drawn next is a variable that checkpoints keep. The counts are none: `assign` tells
    them before training.

    Args:
        num_negatives: Ids for each example.
        power: Of the counts: 0 draws uniformly what occurs at all, 1 as often as it occurs.
        seed: Of the draws; None takes one from Python's `random`, which
            `tf.keras.utils.set_random_seed` seeds.
        **kwargs: Of the Keras layer.

    Attributes:
        shares: Share of the draws of all ids up to and with each, float64 `[ids]`.

    Call arguments:
        examples: A tensor `[batch, ...]`, for the number of examples.

    Output shape:
        int64 `[batch, num_negatives]`.

    Example:
        >>> layer = PopularNegatives(num_negatives=2, seed=1)
        >>> layer.assign(np.array([0, 0, 7]))
        >>> layer(tf.zeros([1])).numpy().tolist()
        [[2, 2]]

    References:
        Mikolov et al.: Distributed Representations of Words and Phrases and their
        Compositionality, NIPS 2013, arXiv:1310.4546, section 2.2.
    """

    def __init__(
        self, num_negatives: int, power: float = 0.75, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_negatives = num_negatives
        self.power = power
        self.seed = random.randint(1, 10**9) if seed is None else seed
        self.generator = tf.random.Generator.from_seed(self.seed)
        shares = tf.Variable(np.ones(1), trainable=False, shape=[None], name="shares")
        object.__setattr__(self, "shares", shares)  # past Keras' tracking: no weight

    def assign(self, counts: np.ndarray) -> None:
        """Take how often each id occurs, `[ids]`; an id that does not is never drawn."""
        weights = np.where(counts > 0, np.maximum(counts, 1.0) ** self.power, 0.0)
        sums = np.cumsum(weights)
        self.shares.assign(sums / sums[-1])

    def call(self, examples: tf.Tensor) -> tf.Tensor:
        """Return the ids."""
        drawn = self.generator.uniform([tf.shape(examples)[0], self.num_negatives], dtype="float64")
        # From (0, 1], so that the first share as large is of an id that occurs.
        return lower_bound(tf.convert_to_tensor(self.shares), 1 - drawn)

    def log_share(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the log of how likely a draw is each id, float32; very low if it never occurs."""
        before = tf.gather(self.shares, tf.maximum(ids - 1, 0)) * tf.cast(ids > 0, tf.float64)
        return tf.cast(tf.math.log(tf.gather(self.shares, ids) - before + 1e-12), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "num_negatives": self.num_negatives,
            "power": self.power,
            "seed": self.seed,
        }
