"""A training log in encoded form: tensors in memory and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.histories import history_spans
from recommenders_tf.data.row_source import RowSource, with_labels
from recommenders_tf.preprocessor import Preprocessor, raw_batch
from recommenders_tf.schema import FeatureSchema, Role
from recommenders_tf.serving_tables import UNKNOWN_ROW, ServingTables


def encode(log: EventLog, preprocessor: Preprocessor | None = None) -> EncodedLog:
    """Encode a log for training.

    Args:
        log: Training events.
        preprocessor: Vocabularies and statistics; None fits them on `log`.

    Example:
        >>> from recommenders_tf import data
        >>> train, test = data.load("synthetic").split("leave_last_out")
        >>> data.encode(train).schema.is_fitted
        True
    """
    return EncodedLog(log, ServingTables(preprocessor or Preprocessor.fit(log), log))


class EncodedLog(RowSource):
    """The events of a log as encoded tensors, with point-in-time histories.

    Features of users and items are kept once, in the tables; a batch gathers what it needs, so
    memory does not grow with events times features.

    Args:
        log: The events; with `log.past`, those that may serve as history too.
        tables: Encoded users and items.

    Attributes:
        log: The events, raw.
        schema: Fitted schema, for models to be built from.
        tables: Users, items and histories, for answers in raw ids.

    Example:
        >>> from recommenders_tf import data
        >>> train, test = data.load("synthetic").split("leave_last_out")
        >>> encoded = EncodedLog(test, data.encode(train).tables)
        >>> features, label = next(iter(encoded.batches(8, shuffle=False)))
        >>> features["history"].shape.as_list()
        [8, 50]
    """

    def __init__(self, log: EventLog, tables: ServingTables) -> None:
        self.log = log
        self.tables = tables
        self.schema: FeatureSchema = tables.schema
        schema, events = self.schema, log.events
        users, items = (tables.users, schema.user_id.name), (tables.items, schema.item_id.name)
        self._user_rows, self._item_rows = (
            tf.constant(np.maximum(table.index.get_indexer(events[name]), 0), tf.int64)
            for table, name in (users, items)
        )
        columns = [c for c in schema.stored if c.role in (Role.CONTEXT, Role.LABEL)]
        self._events = tables.encoder.encode(raw_batch(events, columns))
        self._spans = self._history_spans() if schema.sequences else None

    def __len__(self) -> int:
        return len(self.log.events)

    def gather(self, index: tf.Tensor) -> Any:
        """Return the examples of event indices, int64 `[batch]`.

        Returns:
            A dict of tensors as `features.encoded_spec` gives them; where the schema has labels,
            a pair with them, as `with_labels` says.
        """
        user_rows = tf.gather(self._user_rows, index)
        batch = self.tables.users.gather(user_rows)
        batch |= self.tables.items.gather(tf.gather(self._item_rows, index))
        batch |= {name: tf.gather(values, index) for name, values in self._events.items()}
        if self._spans is not None:
            history, ages = self._history(index)
            for column in self.schema.sequences:
                batch |= self.tables.sequence(column, history, ages)
        batch |= features.cross(self.schema, batch)
        return with_labels(batch, self.schema)

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return whole encoded columns of ids, numbers, labels and times: no lists, no crosses."""
        tables = ((self.tables.users, self._user_rows), (self.tables.items, self._item_rows))
        found = {
            name: tf.gather(table.features[name], rows).numpy()
            for table, rows in tables
            for name in names
            if name in table.features
        }
        found |= {name: self._events[name].numpy() for name in names if name in self._events}
        time = self.schema.event_time
        if time is not None and time.name in names:
            found[time.name] = self.log.events[time.name].to_numpy(np.int64)
        return found

    def _history_spans(self) -> tuple[tf.Tensor, ...]:
        """Return item rows and times in order of user and time, and each event's span and time."""
        schema, tables = self.schema, self.tables
        assert schema.event_time is not None
        sampled = self.log.behaviours is not None
        others = self.log.behaviours if sampled else self.log.past
        frames = [frame for frame in (self.log.events, others) if frame is not None]
        users, items, times = (
            np.concatenate([frame[column.name] for frame in frames])
            for column in (schema.user_id, schema.item_id, schema.event_time)
        )
        longest = max(column.max_length or 0 for column in schema.sequences)
        # Not by their rows in the table, where all unknown users would be one.
        behaves = np.arange(len(users)) >= len(self) if sampled else None
        spans = history_spans(pd.factorize(users)[0], times, longest, behaves)
        rows = np.maximum(tables.items.index.get_indexer(items), UNKNOWN_ROW)
        start, end = spans.start[: len(self)], spans.end[: len(self)]
        found = [rows[spans.order], start, end]
        if schema.is_timed:
            found += [times[spans.order], times[: len(self)]]
        return tuple(tf.constant(values, tf.int64) for values in found)

    def _history(self, index: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor | None]:
        """Return the item rows of each event's history, and their ages if they are asked for."""
        assert self._spans is not None
        ordered, start, end, *when = self._spans
        positions = tf.ragged.range(tf.gather(start, index), tf.gather(end, index))
        rows = positions.with_flat_values(tf.gather(ordered, positions.flat_values))
        if not when:
            return rows, None
        times, now = when
        met = tf.gather(times, positions.flat_values)
        now = tf.repeat(tf.gather(now, index), positions.row_lengths())
        return rows, positions.with_flat_values(now - met)
