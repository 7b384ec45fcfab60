"""Autoencoders of ratings, and what they have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.rating_retriever import RatingRetriever
from recommenders_tf.schema import FeatureSchema

_DAMPING = 10.0
"""Ratings of the overall mean that stand beside an item's own in its mean: or the best item would
be one that a single user liked."""


class RatingAutoencoder(RatingRetriever, HistoryRetriever):
    """A network that rebuilds a user's ratings of all items from those there are.

    A user without ratings gets the items' means, and an item without ratings the mean of all: what
    the network says of them was never compared with anything. A request's own items come without
    ratings, so they are left out of the answer and tell no more. Of several ratings of one item the
    mean counts.

    Args:
        schema: Fitted schema, with a label.
        **kwargs: Of the Keras model.

    Attributes:
        mean: Of all ratings.
        item_means: Of each item's ratings, drawn to that of all, `[items]`.
    """

    combine = "mean"
    needs_label = True

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.mean, self.item_means = (
            tf.Variable(tf.zeros(shape), trainable=False, name=name)
            for name, shape in (("mean", []), ("item_means", [self.num_items]))
        )

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take ratings to learn from, and keep them and their means."""
        super().remember(matrix)
        mean, item_means = rating_means(matrix)
        self.mean.assign(mean)
        self.item_means.assign(item_means)

    def with_cold_start(self, scores: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
        """Return the ratings `[batch, items]`, with means for users and items without any."""
        is_new = tf.logical_not(tf.reduce_any(known, axis=1, keepdims=True))
        scores = tf.where(is_new, self.item_means, tf.cast(scores, tf.float32))
        return tf.where(self.popularity > 0, scores, self.mean)


def rating_means(matrix: sparse.csr_matrix) -> tuple[np.float32, np.ndarray]:
    """Return the mean of all ratings, and those of the items, drawn to it; float32 `[items]`.

    Args:
        matrix: Ratings `[users, items]`; a 0 that is stored is one too.

    Example:
        >>> matrix = sparse.csr_matrix(([5.0, 3.0, 1.0], ([0, 1, 2], [1, 1, 2])), (3, 3))
        >>> mean, of_items = rating_means(matrix)
        >>> float(mean), of_items.round(2).tolist()
        (3.0, [3.0, 3.17, 2.82])
    """
    mean = matrix.data.mean(dtype=np.float64)
    counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
    sums = np.bincount(matrix.indices, matrix.data, minlength=matrix.shape[1])
    return np.float32(mean), ((sums + _DAMPING * mean) / (counts + _DAMPING)).astype(np.float32)


def squared_error(scores: tf.Tensor, ratings: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Return the sum of (score - rating)² over what is known, float32 `[]`.

    Args:
        scores: `[batch, items]`.
        ratings: float32 `[batch, items]`.
        known: Where there is a rating, bool `[batch, items]`.

    Example:
        >>> float(squared_error(tf.constant([[2.0, 9.0]]), tf.zeros([1, 2]), [[True, False]]))
        4.0
    """
    errors = tf.math.squared_difference(tf.cast(scores, tf.float32), ratings)
    return tf.reduce_sum(tf.where(known, errors, 0.0))
