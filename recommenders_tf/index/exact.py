"""Exact top-K over masked scores, in stock ops."""

from __future__ import annotations

import tensorflow as tf

EXCLUDED_SCORE = float("-inf")
"""Score of an item that may not be recommended."""


def exact_top_k(
    scores: tf.Tensor, allowed: tf.Tensor, k: tf.Tensor | int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the k best allowed columns of every row, best first, ties by lower index.

    Args:
        scores: Scores, float32 `[batch, items]`.
        allowed: Which items may be recommended, bool, broadcastable to `scores`.
        k: Number of items, at least 1; places that no allowed item fills score -inf.

    Returns:
        Scores, float32 `[batch, k]`, and item indices, int64 `[batch, k]`.

    Example:
        >>> scores, items = exact_top_k(
        ...     tf.constant([[0.1, 0.9, 0.5]]), tf.constant([[True, False, True]]), k=2)
        >>> items.numpy().tolist()
        [[2, 0]]
    """
    scores = tf.where(allowed, scores, EXCLUDED_SCORE)
    available = tf.shape(scores)[1]
    best, items = tf.math.top_k(scores, tf.minimum(k, available))
    missing = [[0, 0], [0, tf.maximum(k - available, 0)]]
    best = tf.pad(best, missing, constant_values=EXCLUDED_SCORE)
    return best, tf.cast(tf.pad(items, missing), tf.int64)
