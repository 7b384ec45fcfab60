"""Exact top-K over masked scores, in stock ops."""

from __future__ import annotations

import tensorflow as tf

EXCLUDED_SCORE = float("-inf")
"""Score of an item that may not be recommended."""

BLOCK_BYTES = 2**27
"""Memory for the scores of all items for some users, of which a few copies are made."""

_MOST_ROWS = 1024
_WORTH_GROUPING = 64
"""Columns for each of the k from which on the pass over groups saves more than it costs."""
_LANES = 16
"""Float32 values that a processor compares at once; a maximum of as many takes no longer."""


def rows_at_once(items: int) -> int:
    """Return for how many users to score all items at a time, so that memory stays bounded.

    Example:
        >>> rows_at_once(1_000), rows_at_once(1_000_000)
        (1024, 33)
    """
    return max(1, min(_MOST_ROWS, BLOCK_BYTES // (4 * items)))


def hide(scores: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Return the scores with some of them at -inf, in the memory of the scores alone.

    Args:
        scores: Any kind of float `[batch, items]`.
        rows: Row of each score to hide, int64 `[pairs]`.
        columns: Its column, likewise; a pair may be there more than once.

    Example:
        >>> hide(tf.ones([1, 3]), tf.constant([0, 0]), tf.constant([2, 2])).numpy().tolist()
        [[1.0, 1.0, -inf]]
    """
    places = tf.stack([rows, columns], axis=1)
    nothing = tf.fill(tf.shape(places)[:1], tf.constant(EXCLUDED_SCORE, scores.dtype))
    return tf.tensor_scatter_nd_update(scores, places, nothing)


def exact_top_k(
    scores: tf.Tensor, allowed: tf.Tensor | None, k: tf.Tensor | int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the k best allowed columns of every row, best first, ties by lower index.

    Where there are many more columns than k, one pass finds the maximum of every group of
    neighbouring columns. The k best columns lie in the k groups with the greatest maxima, of equal
    ones those further left: each of these groups holds a column that comes before all columns of
    the others. So only theirs are put in order.

    Args:
        scores: Scores, float32 `[batch, items]`.
        allowed: Which items may be recommended, bool, broadcastable to `scores`; None where the
            scores of the others are -inf already.
        k: Number of items, at least 1; places that no allowed item fills score -inf.

    Returns:
        Scores, float32 `[batch, k]`, and item indices, int64 `[batch, k]`.

    Example:
        >>> scores, items = exact_top_k(
        ...     tf.constant([[0.1, 0.9, 0.5]]), tf.constant([[True, False, True]]), k=2)
        >>> items.numpy().tolist()
        [[2, 0]]
    """
    if allowed is not None:
        scores = tf.where(allowed, scores, EXCLUDED_SCORE)
    best, items = tf.cond(
        tf.shape(scores)[1] // _WORTH_GROUPING < k,  # k may be as large as an integer can
        lambda: _top_k(scores, k),
        lambda: _grouped_top_k(scores, k),
    )
    return best, tf.cast(items, tf.int64)


def _top_k(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    available = tf.shape(scores)[1]
    best, items = tf.math.top_k(scores, tf.minimum(k, available))
    missing = [[0, 0], [0, tf.maximum(k - available, 0)]]
    return tf.pad(best, missing, constant_values=EXCLUDED_SCORE), tf.pad(items, missing)


def _grouped_top_k(scores: tf.Tensor, k: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    batch, items = tf.unstack(tf.shape(scores))
    # With a width of √(items / k) there are as many groups as columns in k of them.
    best_width = tf.sqrt(tf.cast(items, tf.float32) / tf.cast(k, tf.float32))
    width = _LANES * tf.maximum(tf.cast(tf.round(best_width / _LANES), tf.int32), 1)
    groups = -(-items // width)
    missing = [[0, 0], [0, groups * width - items]]
    padded = tf.pad(scores, missing, constant_values=EXCLUDED_SCORE)
    grouped = tf.reshape(padded, [batch, groups, width])
    _, chosen = tf.math.top_k(tf.reduce_max(grouped, axis=2), k, sorted=False)
    chosen = tf.sort(chosen, axis=1)  # so that of equal scores the lower index comes first
    found = tf.reshape(tf.gather(grouped, chosen, batch_dims=1), [batch, k * width])
    best, places = tf.math.top_k(found, k)
    columns = tf.gather(chosen, places // width, batch_dims=1) * width + places % width
    return best, tf.minimum(columns, items - 1)  # what fills up the last group is no item
