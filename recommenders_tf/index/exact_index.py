"""Exact search: every item is scored, in blocks, and only the best groups are put in order."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from recommenders_tf.index.exact import EXCLUDED_SCORE, exact_top_k, hide
from recommenders_tf.index.groups import WIDTH, best_of_groups, group_maxima, padded_to_groups
from recommenders_tf.index.stock_index import StockIndex, check_dtype

_BLOCK_SCORES = 2**18
"""Scores of a block, few enough to be in the cache still when their maxima are taken."""
_LEAST_ROWS, _MOST_ROWS = 512, 2**16
_WORTH_GROUPING = 4
"""Groups for each of the k from which on their maxima save more than they cost."""


@dataclasses.dataclass(frozen=True)
class ExactConfig:
    """Settings of an exact index.

    Args:
        dtype: Of the vectors it keeps: `float32`, or `bfloat16`, which takes half the memory and
            rounds each value to eight bits. The answer is then no longer surely the best.

    Raises:
        ValueError: It is another type.

    Example:
        >>> ExactConfig(dtype="bfloat16").dtype
        'bfloat16'
    """

    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_dtype(self.dtype)


class ExactIndex(StockIndex):
    """Scores every item.

    The matrix product goes block by block, and of each block only the maxima of groups of sixteen
    items are kept. The k best items lie in the k groups with the greatest maxima, which are scored
    again. So an answer costs little more than the product, and a sixteenth of the scores in memory.

    Args:
        vectors: See `TopKIndex`.
        ids: Likewise.
        attributes: Likewise.
        config: `ExactConfig`.

    Example:
        >>> index = ExactIndex(np.eye(3, dtype=np.float32), ["a", "b", "c"])
        >>> scores, ids = index.search([[0.1, 0.3, 0.2]], k=2, exclude=[["b"]])
        >>> ids.tolist()
        [['c', 'a']]
    """

    kind = "exact"
    config_class = ExactConfig
    config: ExactConfig
    most_queries = 256

    def is_exact(self) -> bool:
        """Return whether the vectors are kept as they are."""
        return self.config.dtype == "float32"

    def _learn(self, vectors: np.ndarray) -> None:
        del vectors

    def _lay_out(self, vectors: np.ndarray) -> None:
        order = np.arange(len(vectors))
        self._fill(vectors, order, order, int(padded_to_groups(np.array(len(vectors)))))

    def search_rows(
        self,
        queries: tf.Tensor,
        k: tf.Tensor | int,
        excluded: tf.RaggedTensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the scores and rows of the k best; see `StockIndex`. Ties go by lower row."""
        pairs = self._pairs(excluded)

        def at_once() -> tuple[tf.Tensor, tf.Tensor]:
            vectors = tf.cast(self.table, tf.float32)
            scores = hide(tf.matmul(queries, vectors, transpose_b=True), *pairs)
            return exact_top_k(scores, ~self._hidden(self.rows.value(), allowed), k)

        def in_groups() -> tuple[tf.Tensor, tf.Tensor]:
            maxima = self._maxima(queries, pairs, allowed)
            # Rounded scores may put groups in a wrong order: take some more.
            most = tf.minimum(k, tf.shape(maxima)[1])
            wanted = most if self.is_exact() else most + most // 2 + WIDTH
            _, groups = exact_top_k(maxima, None, tf.minimum(wanted, tf.shape(maxima)[1]))
            groups = tf.sort(groups, axis=1)  # so that of equal scores the lower row comes first
            hidden = self._hidden_in(groups, allowed)
            return best_of_groups(queries, self.table.value(), hidden, groups, pairs, k)

        groups = tf.shape(self.table)[0] // WIDTH
        scores, places = tf.cond(groups // _WORTH_GROUPING < k, at_once, in_groups)
        return scores, self._rows_at(places)

    def _maxima(
        self, queries: tf.Tensor, pairs: tuple[tf.Tensor, tf.Tensor], allowed: tf.Tensor | None
    ) -> tf.Tensor:
        """Return the greatest score in every group, float32 `[queries, groups]`."""
        total, batch = tf.shape(self.table)[0], tf.shape(queries)[0]
        size = tf.clip_by_value(_BLOCK_SCORES // tf.maximum(batch, 1), _LEAST_ROWS, _MOST_ROWS)
        size = size // WIDTH * WIDTH
        blocks = (total + size - 1) // size
        owners, places = pairs
        edges = tf.searchsorted(places, tf.cast(tf.range(blocks + 1) * size, tf.int64))
        across = tf.cast(tf.transpose(queries), self.table.dtype)

        def block(i: tf.Tensor, parts: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            start, own = i * size, slice(edges[i], edges[i + 1])
            end = tf.minimum(start + size, total)
            scores = tf.cast(tf.matmul(self.table[start:end], across), tf.float32)
            rows = places[own] - tf.cast(start, tf.int64)
            scores = tf.cond(
                tf.equal(edges[i], edges[i + 1]),  # `hide` copies, even where it hides nothing
                lambda: scores,
                lambda: hide(scores, rows, owners[own]),
            )
            if allowed is not None:
                out = self._hidden(self.rows[start:end], allowed)
                scores = tf.where(out[:, tf.newaxis], EXCLUDED_SCORE, scores)
            return i + 1, parts.write(i, group_maxima(scores))

        parts = tf.TensorArray(tf.float32, blocks, infer_shape=False, element_shape=[None, None])
        _, parts = tf.while_loop(lambda i, _: i < blocks, block, [0, parts])
        return tf.transpose(parts.concat())
