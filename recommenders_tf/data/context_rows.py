"""Each event of a user beside the ones around it: what models of co-occurrence train on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.schema import FeatureSchema

if TYPE_CHECKING:
    from recommenders_tf.serving_tables import ServingTables

PLACE = "context/place"
FIRST = "context/first"
LAST = "context/last"


class ContextRows(RowSource):
    """The events of users in the order of time, those that stand alone left out.

    Args:
        users: Encoded ids, int64 `[events]`.
        items: Encoded ids, int64 `[events]`.
        times: int64 `[events]`; of equal times the order is the given one.
        schema: The schema.
        window: How far before and behind an event its context reaches; None takes all events of
            the user.
        tables: Users, items and histories, for answers in raw ids; None where they are not known.

    Attributes:
        sequence: The items, user after user, in the order of time, int64 `[events]`.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> users, items, times = np.array([2, 3, 2]), np.array([7, 8, 9]), np.array([5, 0, 4])
        >>> rows = ContextRows(users, items, times, schema)
        >>> rows.sequence.tolist(), len(rows)
        ([9, 7, 8], 2)
    """

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        times: np.ndarray,
        schema: FeatureSchema,
        window: int | None = None,
        tables: ServingTables | None = None,
    ) -> None:
        self.schema, self.tables = schema, tables
        order = np.lexsort((times, users))
        owners = users[order]
        self.sequence = items[order]
        places = np.arange(len(order))
        first, last = (np.searchsorted(owners, owners, side) for side in ("left", "right"))
        if window is not None:
            first = np.maximum(first, places - window)
            last = np.minimum(last, places + window + 1)
        kept = last - first > 1
        self._columns = {
            schema.item_id.name: tf.constant(self.sequence[kept], tf.int64),
            PLACE: tf.constant(places[kept], tf.int64),
            FIRST: tf.constant(first[kept], tf.int64),
            LAST: tf.constant(last[kept], tf.int64),
        }

    def __len__(self) -> int:
        return len(self._columns[PLACE])

    def gather(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return items, their places in the sequence and where their contexts begin and end."""
        return {name: tf.gather(values, index) for name, values in self._columns.items()}
