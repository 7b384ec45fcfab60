"""Items that a user has not met, drawn at random."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.layers.lower_bound import lower_bound
from recommenders_tf.schema import FIRST_ID

_END = np.iinfo(np.int64).max


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class UnseenNegatives(tf.keras.layers.Layer):
    """Draws for every user an item uniformly from those that the user has not met.

    It draws, looks whether the user has met the item, and draws again, a few times at most: a user
    who has met nearly everything may be left without one. What is drawn next is a variable that
    checkpoints keep. Who has met what is none: `assign` tells it before training.

    Args:
        num_items: Size of the vocabulary, padding and unknown included; these are never drawn.
        tries: How often to draw.
        seed: Of the draws; None takes one from Python's `random`, which
            `tf.keras.utils.set_random_seed` seeds.
        **kwargs: Of the Keras layer.

    Attributes:
        splits: Where the keys of each user begin and end, int64 `[users + 1]`.
        keys: For every item that a user has met `user * num_items + item`, in order, and behind
            them one that is greater than all, int64.

    Call arguments:
        users: Encoded ids, int64 `[batch]`.

    Output shape:
        Items, int64 `[batch]`, and whether each is one that the user has not met, bool `[batch]`.

    Example:
        >>> layer = UnseenNegatives(num_items=4, seed=1)
        >>> layer.assign(sparse.csr_matrix(([1.0], ([2], [3])), shape=(3, 4)))
        >>> items, found = layer(tf.constant([2, 2], tf.int64))
        >>> items.numpy().tolist(), found.numpy().tolist()
        ([2, 2], [True, True])
    """

    def __init__(
        self, num_items: int, tries: int = 8, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_items = num_items
        self.tries = tries
        self.seed = random.randint(1, 10**9) if seed is None else seed
        self.generator = tf.random.Generator.from_seed(self.seed)
        for name, value in (("splits", []), ("keys", [_END])):
            start = np.array(value, np.int64)
            variable = tf.Variable(start, trainable=False, shape=[None], name=name)
            object.__setattr__(self, name, variable)  # past Keras' tracking: no weight

    def assign(self, matrix: sparse.csr_matrix) -> None:
        """Take who has met what.

        Args:
            matrix: `[users, num_items]`, its columns in order within a row.
        """
        users = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
        self.splits.assign(matrix.indptr.astype(np.int64))
        self.keys.assign(np.append(users * self.num_items + matrix.indices, _END))

    def call(self, users: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the items, and whether they are unseen."""
        shape = [tf.shape(users)[0], self.tries]
        high = max(self.num_items, FIRST_ID + 1)
        drawn = self.generator.uniform(shape, FIRST_ID, high, tf.int64)
        wanted = users[:, tf.newaxis] * self.num_items + drawn
        keys = tf.convert_to_tensor(self.keys)
        nearest = tf.gather(keys, lower_bound(keys, wanted))
        is_unseen = nearest != wanted
        first = tf.argmax(tf.cast(is_unseen, tf.int32), axis=1)
        return tf.gather(drawn, first, batch_dims=1), tf.reduce_any(is_unseen, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "num_items": self.num_items,
            "tries": self.tries,
            "seed": self.seed,
        }
