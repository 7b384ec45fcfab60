"""What a model must know beside its weights to answer in raw ids: users, items, histories."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.past import Past
from recommenders_tf.preprocessor import RawEncoder, raw_batch
from recommenders_tf.schema import UNKNOWN_VALUE, Column, FeatureSchema, Kind, Role

if TYPE_CHECKING:
    from recommenders_tf.data.event_log import EventLog

UNKNOWN_ROW = 0
"""Row of an `EntityTable` that stands for every entity it does not hold."""


class EntityTable(tf.Module):
    """The encoded features of every user or every item, found by raw id.

    Row 0 stands for an unknown entity: its id is encoded as unknown, its features as missing.

    Args:
        encoder: Maps raw to encoded.
        frame: One row an entity, values as in `EventLog`.
        role: `Role.USER` or `Role.ITEM`.

    Attributes:
        ids: Raw ids, string `[rows]`; "" in row 0.
        features: Encoded columns, each `[rows, ...]`.
    """

    def __init__(self, encoder: RawEncoder, frame: pd.DataFrame, role: Role) -> None:
        super().__init__(name=f"{role.value}_table")
        schema = encoder.schema
        columns = [c for c in schema.stored if c.role is role]
        id_name = (schema.user_id if role is Role.USER else schema.item_id).name
        self.frame = frame.reset_index(drop=True)
        encoded = encoder.encode(raw_batch(_with_unknown(self.frame, columns, id_name), columns))
        ids = ["", *self.frame[id_name]]
        self.index = pd.Index(ids)
        self.ids = tf.Variable(ids, trainable=False, dtype=tf.string, name="ids")
        self.features = {
            name: tf.Variable(value, trainable=False, name=name) for name, value in encoded.items()
        }
        keys, rows = tf.constant(ids), tf.range(len(ids), dtype=tf.int64)
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(keys, rows), default_value=UNKNOWN_ROW
        )

    @property
    def size(self) -> int:
        """Number of rows, the unknown one included."""
        return len(self.index)

    def rows(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the rows of raw ids, int64 in the shape of `ids`; 0 where unknown."""
        return self._rows.lookup(ids)

    def gather(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the encoded features of rows `[batch]`."""
        return {name: tf.gather(values, rows) for name, values in self.features.items()}


class Histories(tf.Module):
    """The items of every user in the order of time.

    Args:
        users: Table of users.
        items: Table of items.
        events: Past events, raw, with the schema's id columns and its event time if it has one.
        schema: The schema.
    """

    def __init__(
        self, users: EntityTable, items: EntityTable, events: pd.DataFrame, schema: FeatureSchema
    ) -> None:
        super().__init__(name="histories")
        user_rows = np.maximum(users.index.get_indexer(events[schema.user_id.name]), UNKNOWN_ROW)
        item_rows = np.maximum(items.index.get_indexer(events[schema.item_id.name]), UNKNOWN_ROW)
        times = events[schema.event_time.name] if schema.event_time else np.arange(len(events))
        known = (user_rows != UNKNOWN_ROW) & (item_rows != UNKNOWN_ROW)
        order = np.lexsort((np.asarray(times), user_rows))
        order = order[known[order]]
        lengths = np.bincount(user_rows[order], minlength=users.size)
        splits = np.concatenate([[0], np.cumsum(lengths)])
        self._values = tf.Variable(item_rows[order].astype(np.int64), trainable=False)
        self._splits = tf.Variable(splits.astype(np.int64), trainable=False)
        self._events = events.iloc[order]
        self._details: dict[str, tf.Variable] = {}

    def lengths(self, user_rows: np.ndarray) -> np.ndarray:
        """Return how many items each user has met, int64 `[batch]`."""
        return np.diff(self._splits.numpy())[user_rows]

    def rows(self, user_rows: tf.Tensor) -> tf.RaggedTensor:
        """Return the item rows of each user, oldest first, `[batch, (events)]`."""
        return self._gather(self._values, user_rows)

    def add_details(self, encoder: RawEncoder, columns: Iterable[Column]) -> None:
        """Keep label and time of every event too, for `details`; not within a graph.

        Args:
            encoder: Maps raw to encoded.
            columns: The label, the event time, or both.
        """
        for column in columns:
            if column.name not in self._details:
                raw = raw_batch(self._events, [column])
                # A time is encoded as it is, and the Transform graph leaves it out.
                known = raw if column.kind is Kind.TIMESTAMP else encoder.encode(raw)
                self._details[column.name] = tf.Variable(known[column.name], trainable=False)

    def details(self, user_rows: tf.Tensor, column: Column) -> tf.RaggedTensor:
        """Return what `add_details` kept of the events in `rows`, `[batch, (events)]`."""
        return self._gather(self._details[column.name], user_rows)

    def _gather(self, values: tf.Variable, user_rows: tf.Tensor) -> tf.RaggedTensor:
        starts = tf.gather(self._splits, user_rows)
        limits = tf.gather(self._splits, user_rows + 1)
        # Ranges rather than a gather on a ragged tensor: the cost is that of the batch alone.
        positions = tf.ragged.range(starts, limits)
        return positions.with_flat_values(tf.gather(values, positions.flat_values))


class ServingTables(tf.Module):
    """Users, items and histories of a training log, encoded: what answers in raw ids need.

    Args:
        encoder: Maps raw to encoded.
        log: The training log: tables of users and items, and the events already seen.
    """

    def __init__(self, encoder: RawEncoder, log: EventLog) -> None:
        super().__init__(name="serving_tables")
        self.encoder = encoder
        self.schema = encoder.schema
        self.users = EntityTable(encoder, log.users, Role.USER)
        self.items = EntityTable(encoder, log.items, Role.ITEM)
        columns = (self.schema.user_id, self.schema.item_id, self.schema.event_time)
        happened = log.events if log.behaviours is None else log.behaviours
        names = [column.name for column in columns if column]
        names += [c.name for c in self.schema.labels if not c.is_derived and c.name in happened]
        self.events = happened[names]
        self.histories = self.histories_of(self.events)

    def histories_of(self, events: pd.DataFrame) -> Histories:
        """Return the histories that other events give, over the same users and items."""
        return Histories(self.users, self.items, events, self.schema)

    def past(self, user_rows: tf.Tensor, histories: Histories, time: Column | None) -> Past:
        """Return what is stored of each user, and when it was if that column is asked for."""
        rows = histories.rows(user_rows)
        if time is None:
            return Past(rows)
        histories.add_details(self.encoder, [time])
        return Past(rows, histories.details(user_rows, time))

    def query_features(
        self, user_rows: tf.Tensor, history: tf.RaggedTensor, ages: tf.RaggedTensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Return the encoded features of the user side of a request.

        Args:
            user_rows: Rows of the users, int64 `[batch]`.
            history: Item rows that each user has seen, oldest first, `[batch, (events)]`.
            ages: Seconds from each of them to the request, int64 of the same shape, for sequences
                that are timed.
        """
        encoded = self.users.gather(user_rows)
        for column in self.schema.sequences:
            encoded |= self.sequence(column, history, ages)
        return encoded

    def interactions(
        self,
        user_rows: tf.Tensor,
        history: tf.RaggedTensor,
        histories: Histories,
        columns: Iterable[Column],
    ) -> dict[str, tf.RaggedTensor]:
        """Return all that users have met as a model reads it; see `recommenders_tf.features`.

        Args:
            user_rows: Rows of the users, int64 `[batch]`.
            history: Item rows, `[batch, (events)]`: those in `histories` and more recent ones.
            histories: Where labels and times are known.
            columns: Which of the two are asked for.
        """
        ids = self.items.features[self.schema.item_id.name]
        items = history.with_flat_values(tf.gather(ids, history.flat_values))
        found = {features.INTERACTION_ITEMS: items}
        for column in columns:
            known = histories.details(user_rows, column)
            is_time = column.kind is Kind.TIMESTAMP
            missing = tf.constant(0 if is_time else float("nan"), known.dtype)
            more = history.row_lengths() - known.row_lengths()
            rest = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(more)], missing), more)
            name = features.INTERACTION_TIMES if is_time else features.INTERACTION_LABELS
            found[name] = tf.concat([known, rest], axis=1)
        return found

    def sequence(
        self, column: Column, history: tf.RaggedTensor, ages: tf.RaggedTensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Return the padded ids and mask of a sequence column over item rows, and their ages."""
        assert column.max_length is not None
        assert column.source is not None
        kept = history[:, -column.max_length :]
        values = self.items.features[column.source]
        ids = kept.with_flat_values(tf.gather(values, kept.flat_values))
        return features.pad(self.schema, column, ids, ages)

    def save(self, folder: str | pathlib.Path) -> None:
        """Write the raw tables into a folder."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.users.frame.to_parquet(folder / "users.parquet")
        self.items.frame.to_parquet(folder / "items.parquet")
        self.events.to_parquet(folder / "events.parquet")

    @classmethod
    def load(cls, folder: str | pathlib.Path, encoder: RawEncoder) -> ServingTables:
        """Read what `save` wrote."""
        from recommenders_tf.data.event_log import EventLog

        folder = pathlib.Path(folder)
        events, users, items = (
            pd.read_parquet(folder / f"{name}.parquet") for name in ("events", "users", "items")
        )
        return cls(encoder, EventLog(events, users, items, encoder.schema))


def _with_unknown(frame: pd.DataFrame, columns: Iterable[Column], id_name: str) -> pd.DataFrame:
    """Return the frame with the row of the unknown entity in front."""
    missing: dict[str, object] = {}
    for column in columns:
        if column.name == id_name:
            missing[column.name] = UNKNOWN_VALUE
        elif column.kind in (Kind.MULTI_HOT, Kind.SEQUENCE):
            missing[column.name] = np.array([], object)
        else:
            missing[column.name] = float("nan") if column.kind is Kind.NUMERIC else ""
    names = list(missing)
    return pd.concat([pd.DataFrame([missing])[names], frame[names]], ignore_index=True)
