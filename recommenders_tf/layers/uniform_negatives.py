"""Items drawn at random to stand for what was not chosen."""

from __future__ import annotations

import random
from typing import Any

import tensorflow as tf

from recommenders_tf.schema import FIRST_ID


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class UniformNegatives(tf.keras.layers.Layer):
    """Draws ids uniformly from a vocabulary, anew at every call.

    What is drawn next is a variable that checkpoints keep, so a run that goes on from one draws
    what it would have drawn.

    Args:
        size: Of the vocabulary, padding and unknown included; these are never drawn.
        num_negatives: Ids for each example.
        seed: Of the draws; None takes one from Python's `random`, which
            `tf.keras.utils.set_random_seed` seeds.
        **kwargs: Of the Keras layer.

    Call arguments:
        examples: A tensor `[batch, ...]`, for the number of examples.

    Output shape:
        int64 `[batch, num_negatives]`.

    Example:
        >>> layer = UniformNegatives(size=10, num_negatives=3, seed=1)
        >>> layer(tf.zeros([2])).shape
        TensorShape([2, 3])
    """

    def __init__(
        self, size: int, num_negatives: int, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.num_negatives = num_negatives
        self.seed = random.randint(1, 10**9) if seed is None else seed
        self.generator = tf.random.Generator.from_seed(self.seed)

    def call(self, examples: tf.Tensor) -> tf.Tensor:
        """Return the ids."""
        shape = [tf.shape(examples)[0], self.num_negatives]
        return self.generator.uniform(shape, FIRST_ID, max(self.size, FIRST_ID + 1), tf.int64)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "size": self.size,
            "num_negatives": self.num_negatives,
            "seed": self.seed,
        }
