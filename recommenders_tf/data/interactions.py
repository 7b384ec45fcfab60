"""The matrix of users and items: who met what, in encoded ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.schema import FIRST_ID, Column, FeatureSchema

if TYPE_CHECKING:
    from recommenders_tf.serving_tables import ServingTables


class IdRows(RowSource):
    """The ids of users or of items as rows to train on, of models that read whole rows of a matrix.

    Args:
        column: Whose ids they are.
        ids: Encoded ids, int64 `[rows]`.
        schema: The schema.
        tables: Users, items and histories, for answers in raw ids; None where they are not known.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> rows = IdRows(schema.user_id, np.array([4, 2]), schema)
        >>> [batch["user_id"].tolist() for batch in rows.batches(2, False).as_numpy_iterator()]
        [[4, 2]]
    """

    def __init__(
        self,
        column: Column,
        ids: np.ndarray,
        schema: FeatureSchema,
        tables: ServingTables | None = None,
    ) -> None:
        self.column, self.schema, self.tables = column, schema, tables
        self._ids = tf.constant(ids, tf.int64)

    def __len__(self) -> int:
        return len(self._ids)

    def gather(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the ids of an index, `[batch]`, by the name of their column."""
        return {self.column.name: tf.gather(self._ids, index)}


class PairRows(RowSource):
    """The entries of a matrix of users and items as rows to train on, of models that learn pairs.

    Args:
        matrix: `[users, items]` over encoded ids.
        schema: The schema.
        tables: Users, items and histories, for answers in raw ids; None where they are not known.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> matrix = sparse.csr_matrix(([5.0, 3.0], ([2, 2], [4, 7])), shape=(3, 8))
        >>> features, label = next(iter(PairRows(matrix, schema).batches(2, shuffle=False)))
        >>> features["item_id"].numpy().tolist(), label.numpy().tolist()
        ([4, 7], [5.0, 3.0])
    """

    def __init__(
        self,
        matrix: sparse.csr_matrix,
        schema: FeatureSchema,
        tables: ServingTables | None = None,
    ) -> None:
        self.schema, self.tables = schema, tables
        users = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        # In one table, so that a pair is one access to memory.
        values = matrix.data.astype(np.float32).view(np.int32)
        self._entries = tf.constant(np.stack([users, matrix.indices, values], axis=1), tf.int32)

    def __len__(self) -> int:
        return self._entries.shape[0]

    def gather(self, index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Return the encoded ids of users and items, int64 `[batch]`, and the values beside them.

        The values are as float32 `[batch]` in the place of a label.
        """
        users, items, values = tf.unstack(tf.gather(self._entries, index), axis=1)
        ids = {self.schema.user_id.name: users, self.schema.item_id.name: items}
        pairs = {name: tf.cast(part, tf.int64) for name, part in ids.items()}
        return pairs, tf.bitcast(values, tf.float32)


def interaction_matrix(
    events: Mapping[str, np.ndarray], schema: FeatureSchema, values: np.ndarray, combine: str
) -> sparse.csr_matrix:
    """Return what each user met, as a sparse matrix over encoded ids.

    Args:
        events: Encoded ids of users and items, int64 `[events]`, by the names of their columns.
            Those of padding and unknown ids are left out.
        schema: Fitted schema.
        values: Of the events, float32 `[events]`; NaN leaves an event out.
        combine: What becomes of several events of one pair: `any` makes it 1, `sum` and `mean` say
            themselves.

    Returns:
        float32 `[users, items]`, as many as the vocabularies have ids.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.encode(data.load("synthetic")).schema
        >>> events = {"user_id": np.array([2, 2, 3]), "item_id": np.array([5, 5, 1])}
        >>> matrix = interaction_matrix(events, schema, np.ones(3, np.float32), "sum")
        >>> matrix.nnz, float(matrix[2, 5])
        (1, 2.0)
    """
    users, items = events[schema.user_id.name], events[schema.item_id.name]
    kept = (users >= FIRST_ID) & (items >= FIRST_ID) & ~np.isnan(values)
    shape = tuple(schema.vocabulary_size(c) for c in (schema.user_id, schema.item_id))
    places = (users[kept], items[kept])
    matrix = sparse.coo_matrix((values[kept], places), shape, np.float32).tocsr()
    if combine == "any":
        matrix.data[:] = 1.0
    elif combine == "mean":
        counts = sparse.coo_matrix((np.ones(kept.sum(), np.float32), places), shape).tocsr()
        matrix.data /= counts.data
    return matrix
