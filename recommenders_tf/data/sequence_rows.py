"""What users did one after another, as rows that a sequence model learns every step of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from recommenders_tf.data.packing import pack
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.schema import Column, FeatureSchema, Role

if TYPE_CHECKING:
    from recommenders_tf.serving_tables import ServingTables

TARGETS = "sequence/targets"
REMAINING = "sequence/remaining"
STEP = "step/"
"""Before the name of a column, of its values step by step."""


class SequenceRows(RowSource):
    """The items of users in the order of time, packed into rows of one length.

    A sequence that is longer than a row is cut into windows, from its end on, so that every event
    but the first of a user is once what is to be foretold. Short ones stand side by side in a row;
    how many steps of its own sequence each place has left, itself included, tells them apart. Users
    of one event are left out.

    Args:
        events: Encoded columns by name, each `[events]`: ids of users and items and times, int64;
            of equal times the order is the given one. What else there is stands beside the items:
            of the request that a step tells the item of, if it is of the role `context`, and of
            the event of the step itself, if not; of the last event always the latter.
        schema: The schema.
        column: The sequence column of the schema that the rows stand for; its `max_length` is
            that of a row.
        with_last: Whether the last event of a user is a step as well; nothing follows it, which
            is 0. A step then tells its own item, and context is that of its own event.
        details: Which of the ids of users and the times to give as well.
        tables: Users, items and histories, for answers in raw ids; None where they are not known.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> events = {
        ...     "user_id": np.array([2, 3, 2, 2]),
        ...     "item_id": np.array([7, 8, 9, 5]),
        ...     "timestamp": np.arange(4),
        ... }
        >>> rows = SequenceRows(events, schema, schema["history"])
        >>> row = next(iter(rows.batches(1)))
        >>> [row[name][0, :3].numpy().tolist() for name in ("history", TARGETS, REMAINING)]
        [[7, 9, 0], [9, 5, 0], [2, 1, 0]]
    """

    def __init__(
        self,
        events: Mapping[str, np.ndarray],
        schema: FeatureSchema,
        column: Column,
        with_last: bool = False,
        details: Sequence[str] = (),
        tables: ServingTables | None = None,
    ) -> None:
        self.schema, self.tables, self._column = schema, tables, column
        assert schema.event_time is not None
        user, item, time = schema.user_id.name, schema.item_id.name, schema.event_time.name
        order = np.lexsort((events[time], events[user]))
        ordered = {name: values[order] for name, values in events.items()}
        length = column.max_length or 0
        starts, lengths = _windows(ordered[user], length, with_last)
        rows, places = pack(lengths, length)
        which = np.repeat(np.arange(len(lengths)), lengths)
        within = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        shape = [rows.max(initial=-1) + 1, length]
        sequence, remaining = np.zeros(shape, np.int64), np.zeros(shape, np.int32)
        at = rows[which], places[which] + within
        sequence[at] = starts[which] + within
        remaining[at] = lengths[which] - within
        ends = np.append(np.diff(ordered[user]), 1) != 0
        following = np.where(ends, 0, np.roll(ordered[item], -1))
        self._steps = {column.name: ordered[item], TARGETS: following}
        for name in set(events) - ({user, item, time} - set(details)):
            values = ordered[name]
            if name in schema and schema[name].role is Role.CONTEXT and not with_last:
                values = np.where(ends, values, np.roll(values, -1))
            self._steps[STEP + name] = values
        self._steps = {name: tf.constant(values) for name, values in self._steps.items()}
        self._places, self._remaining = tf.constant(sequence), tf.constant(remaining)

    def __len__(self) -> int:
        return len(self._places)

    def gather(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return items, the one that follows each, the mask, and the steps that are left.

        Of the other columns the values at each step, by `STEP` and their names.
        """
        places, remaining = tf.gather(self._places, index), tf.gather(self._remaining, index)
        mask = remaining > 0
        batch = {
            name: tf.where(mask, tf.gather(values, places), tf.zeros([], values.dtype))
            for name, values in self._steps.items()
        }
        return batch | {self.schema.mask_name(self._column): mask, REMAINING: remaining}


def _windows(owners: np.ndarray, length: int, with_last: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return where windows of steps begin, and their lengths.

    Args:
        owners: Users in order, one for each event.
        length: Most that a window has.
        with_last: Whether the last event of a user is a step.
    """
    _, first, events = np.unique(owners, return_index=True, return_counts=True)
    steps = np.where(events > 1, events - 1 + with_last, 0)
    windows = -(-steps // length)
    last = np.repeat(first + steps, windows)  # behind the last step of each user
    number = np.arange(len(last)) - np.repeat(np.cumsum(windows) - windows, windows)
    ends = last - number * length
    starts = np.maximum(ends - length, np.repeat(first, windows))
    return starts, ends - starts
