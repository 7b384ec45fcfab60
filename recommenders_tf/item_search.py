"""What finds the items of a query: all are scored, or an index is asked.

Items are the rows of the table of items; the first, of the unknown item, never comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from recommenders_tf.index import kinds
from recommenders_tf.index.exact import EXCLUDED_SCORE, exact_top_k, hide
from recommenders_tf.serving_tables import UNKNOWN_ROW

_KNOWN = UNKNOWN_ROW + 1
"""The row of the first item that an index holds."""
Score = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class AllItems(tf.Module):
    """Scores all items.

    Args:
        score: Query vectors `[batch, dim]` and item vectors `[rows, dim]` to scores, float32
            `[batch, rows]`.
        vectors: Of all items `[rows, dim]`.
    """

    def __init__(self, score: Score, vectors: tf.Tensor) -> None:
        super().__init__(name="all_items")
        self._score = score
        self._vectors = tf.Variable(vectors, trainable=False, name="candidates")

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every item, float32 `[batch, rows]`."""
        return self._score(queries, self._vectors)

    def best(
        self, queries: tf.Tensor, hidden: tf.RaggedTensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return scores and rows of the best k, -inf where no item is left, both `[batch, k]`.

        Args:
            queries: `[batch, dim]`.
            hidden: Rows that a query must not get, int64 `[batch, (rows)]`.
            k: int32.
        """
        return exact_top_k(without(self.scores(queries), hidden), None, k)

    def best_among(
        self, queries: tf.Tensor, asked: tf.Tensor, hidden: tf.RaggedTensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the best of some rows, int64 `[batch, asked]`; see `best`."""
        scores = self.scores(queries)
        own = tf.gather(scores, asked, batch_dims=1)
        return _best_of(own, asked, hidden, k, tf.shape(scores)[1])


class IndexedItems(tf.Module):
    """Asks an index, which has the vectors; see `AllItems`.

    Args:
        score: What scores all items.
        vectors: Of all items `[rows, dim]`.
        index: Kind of index, or its settings; see `kinds.stock_index`.
    """

    def __init__(self, score: Score, vectors: tf.Tensor, index: Any) -> None:
        super().__init__(name="indexed_items")
        self._score = score
        self._index = kinds.stock_index(index, tf.cast(vectors[_KNOWN:], tf.float32).numpy())
        self._rows = len(vectors)

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every item, float32 `[batch, rows]`."""
        vectors = tf.pad(self._index.vectors(), [[_KNOWN, 0], [0, 0]])
        return self._score(tf.cast(queries, tf.float32), vectors)

    def best(
        self, queries: tf.Tensor, hidden: tf.RaggedTensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return scores and rows of the best k that the index finds; see `AllItems`."""
        hidden = hidden.with_flat_values(hidden.flat_values - _KNOWN)
        scores, rows = self._index.search_rows(tf.cast(queries, tf.float32), k, hidden)
        return scores, rows + _KNOWN

    def best_among(
        self, queries: tf.Tensor, asked: tf.Tensor, hidden: tf.RaggedTensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the best of some rows, of which alone the vectors are read; see `AllItems`."""
        vectors = self._index.vectors_of(tf.maximum(asked - _KNOWN, 0))
        own = tf.linalg.matvec(vectors, tf.cast(queries, tf.float32))
        return _best_of(own, asked, hidden, k, self._rows)


def _best_of(
    scores: tf.Tensor,
    asked: tf.Tensor,
    hidden: tf.RaggedTensor,
    k: tf.Tensor,
    rows: tf.Tensor | int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the best of items that may be named more than once, and their scores."""
    owners = tf.repeat(tf.range(tf.shape(asked, tf.int64)[0]), tf.shape(asked)[1])
    places = tf.stack([owners, tf.reshape(asked, [-1])], axis=1)
    nothing = tf.fill([tf.shape(asked)[0], rows], EXCLUDED_SCORE)
    only = tf.tensor_scatter_nd_update(nothing, places, tf.reshape(scores, [-1]))
    return exact_top_k(without(only, hidden), None, k)


def without(scores: tf.Tensor, hidden: tf.RaggedTensor) -> tf.Tensor:
    """Return the scores without the unknown item and what each row must not get.

    Args:
        scores: float32 `[batch, rows]`.
        hidden: Item rows, int64 `[batch, (rows)]`.

    Example:
        >>> without(tf.ones([1, 3]), tf.ragged.constant([[2]], dtype=tf.int64)).numpy().tolist()
        [[-inf, 1.0, -inf]]
    """
    batch = tf.shape(scores, tf.int64)[0]
    rows = tf.concat([tf.range(batch), hidden.value_rowids()], axis=0)
    unknown = tf.fill([batch], tf.constant(UNKNOWN_ROW, tf.int64))
    return hide(scores, rows, tf.concat([unknown, hidden.flat_values], axis=0))
