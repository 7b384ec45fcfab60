"""Groups of neighbouring rows of a table: the best few groups hold the best rows.

To put all scores in order costs more than the scores. So a pass over them keeps the greatest of
each group, and then the groups with the greatest are scored once more, row by row: the k best rows
lie in the k groups with the greatest maxima.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from recommenders_tf.index.exact import EXCLUDED_SCORE, exact_top_k, hide

WIDTH = 16
"""Rows of a group."""
NO_ROW = -1
"""The row of a place that fills up a group."""


def padded_to_groups(lengths: np.ndarray) -> np.ndarray:
    """Return the places that lists of some lengths take, in whole groups.

    Example:
        >>> padded_to_groups(np.array([0, 1, 16, 17])).tolist()
        [0, 16, 16, 32]
    """
    return -(-lengths // WIDTH) * WIDTH


def group_maxima(scores: tf.Tensor) -> tf.Tensor:
    """Return the greatest score of every group, `[places / WIDTH, queries]`.

    Args:
        scores: `[places, queries]`.

    Example:
        >>> group_maxima(tf.reshape(tf.range(32.0), [32, 1])).numpy().ravel().tolist()
        [15.0, 31.0]
    """
    queries = tf.shape(scores)[1]
    return tf.reduce_max(tf.reshape(scores, [-1, WIDTH, queries]), axis=1)


def best_of_groups(
    queries: tf.Tensor,
    table: tf.Tensor,
    hidden: tf.Tensor,
    groups: tf.Tensor,
    excluded: tuple[tf.Tensor, tf.Tensor],
    k: tf.Tensor | int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the best places in the groups that are chosen for every query, best first.

    Args:
        queries: float32 `[queries, dim]`.
        table: Vectors, float32 or bfloat16 `[places, dim]`.
        hidden: Which places of the groups a query may not get, bool `[queries, groups, WIDTH]`.
        groups: Those that are chosen, each once, int64 `[queries, groups]`; -1 counts as none.
        excluded: Query and place of what a query must not get, int64 `[pairs]` each.
        k: How many places.

    Returns:
        Scores, float32 `[queries, k]`, and places, int64 `[queries, k]`; of equal scores the one
        of an earlier group comes first. Where there is none the score is -inf.

    Example:
        >>> nothing = tf.zeros([0], tf.int64)
        >>> scores, places = best_of_groups(
        ...     tf.ones([1, 1]), tf.reshape(tf.range(32.0), [32, 1]), tf.zeros([1, 2, 16], tf.bool),
        ...     tf.constant([[1, -1]], tf.int64), (nothing, nothing), 2)
        >>> places.numpy().tolist()
        [[31, 30]]
    """
    counts, groups = groups >= 0, tf.maximum(groups, 0)
    batch, width = tf.unstack(tf.shape(groups))
    dim = tf.shape(table)[1]
    tiles = tf.gather(tf.reshape(table, [-1, WIDTH * dim]), groups)
    vectors = tf.cast(tf.reshape(tiles, [batch, width * WIDTH, dim]), tf.float32)
    scores = tf.linalg.matvec(vectors, queries)
    out = hidden | ~counts[:, :, tf.newaxis]
    scores = tf.where(tf.reshape(out, [batch, width * WIDTH]), EXCLUDED_SCORE, scores)
    owners, places = excluded
    met = tf.where(tf.gather(groups, owners) == (places // WIDTH)[:, tf.newaxis])
    columns = met[:, 1] * WIDTH + tf.gather(places % WIDTH, met[:, 0])
    scores = hide(scores, tf.gather(owners, met[:, 0]), columns)
    best, columns = exact_top_k(scores, None, k)
    found = tf.gather(groups, columns // WIDTH, batch_dims=1)
    return best, found * WIDTH + columns % WIDTH
