"""Fits vocabularies and statistics on a training log and encodes raw values with them."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.raw_strings import split_weights, tokenize
from recommenders_tf.schema import FIRST_ID, UNKNOWN_ID, Column, FeatureSchema, Kind, Role

if TYPE_CHECKING:
    from recommenders_tf.data.event_log import EventLog

DEFAULT_MAX_LENGTH = 50


class RawEncoder(Protocol):
    """What maps raw to encoded: a `Preprocessor`, or a TFX Transform graph."""

    schema: FeatureSchema

    def encode(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Encode the raw columns that are there; see `features.encode`."""
        ...


class Preprocessor(tf.Module):
    """Maps raw columns to the encoded tensors that models take.

    Args:
        schema: Fitted schema.
        vocabularies: For each column that owns a vocabulary, its values in the order of their
            ids, the first with the id `FIRST_ID`.

    Example:
        >>> from recommenders_tf import data
        >>> preprocessor = Preprocessor.fit(data.load("synthetic"))
        >>> int(preprocessor.encode({"user_id": tf.constant(["nobody"])})["user_id"][0])
        1
    """

    def __init__(self, schema: FeatureSchema, vocabularies: Mapping[str, np.ndarray]) -> None:
        super().__init__(name="preprocessor")
        self.schema = schema
        self.vocabularies = dict(vocabularies)
        self._tables = {name: _table(values) for name, values in self.vocabularies.items()}
        self._statistics = {
            column.name: tf.constant(column.boundaries, tf.float32)
            if column.is_bucketized
            else (column.mean, column.stddev)
            for column in schema.select(kind=Kind.NUMERIC)
        }

    @classmethod
    def fit(cls, log: EventLog) -> Preprocessor:
        """Learn vocabularies, statistics and list lengths from a training log.

        Ids come from the events, features from the tables of users and items, so that an entity
        without a training event is unknown by id but keeps its features. Vocabularies are in the
        order of falling frequency, ties in that of the values.
        """
        columns: list[Column] = []
        vocabularies: dict[str, np.ndarray] = {}
        for column in log.schema.columns.values():
            if column.kind is Kind.SEQUENCE:
                columns.append(
                    dataclasses.replace(column, max_length=column.max_length or DEFAULT_MAX_LENGTH)
                )
                continue
            if column.kind is Kind.CROSS or not (column.has_ids or column.is_numeric):
                continue
            values = _column_values(log, column)
            if column.kind is Kind.NUMERIC:
                columns.append(_fit_numeric(column, values))
                continue
            if column.is_list:
                longest = column.max_length or max(1, int(values.row_lengths().numpy().max()))
                column = dataclasses.replace(column, max_length=longest)
                values = values.flat_values.numpy()
            if column.owns_vocabulary:
                vocabulary = _vocabulary(column, values)
                vocabularies[column.name] = vocabulary
                column = dataclasses.replace(column, vocabulary_size=len(vocabulary) + FIRST_ID)
            columns.append(column)
        return cls(log.schema.replace(columns), vocabularies)

    def encode(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Encode the raw columns that are there; see `features.encode`.

        Args:
            raw: Raw batch: strings `[batch]`, ragged strings `[batch, None]` of list columns,
                float32 `[batch]` of numeric ones.

        Returns:
            The encoded batch.
        """
        return features.encode(self.schema, raw, self._lookup, self._statistics)

    def save(self, folder: str | pathlib.Path) -> None:
        """Write schema and vocabularies into a folder."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.schema.save(folder / "schema.yaml")
        vocabularies = {name: values.tolist() for name, values in self.vocabularies.items()}
        text = json.dumps(vocabularies, ensure_ascii=False)
        (folder / "vocabularies.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | pathlib.Path) -> Preprocessor:
        """Read what `save` wrote."""
        folder = pathlib.Path(folder)
        text = (folder / "vocabularies.json").read_text(encoding="utf-8")
        vocabularies = {name: np.array(v, dtype=object) for name, v in json.loads(text).items()}
        return cls(FeatureSchema.load(folder / "schema.yaml"), vocabularies)

    def _lookup(self, column: Column, values: tf.Tensor) -> tf.Tensor:
        return self._tables[column.name].lookup(values)


def raw_batch(frame: pd.DataFrame, columns: Iterable[Column]) -> dict[str, Any]:
    """Return the raw batch of the given columns of a frame.

    Args:
        frame: One row an example, values as in `EventLog`.
        columns: Columns to take; those that the frame lacks are left out.

    Returns:
        Tensors and ragged tensors as in `features.raw_spec`.
    """
    batch: dict[str, Any] = {}
    for column in columns:
        if column.name not in frame:
            continue
        values = frame[column.name].to_numpy()
        if column.kind in (Kind.MULTI_HOT, Kind.SEQUENCE):
            lengths = np.fromiter(map(len, values), np.int64, len(values))
            flat = np.concatenate([*values, np.array([], object)]).astype(object)
            batch[column.name] = tf.RaggedTensor.from_row_lengths(
                tf.constant(flat, tf.string), lengths
            )
            if column.ages_name and column.ages_name in frame:
                ages = np.concatenate([*frame[column.ages_name], np.array([], np.int64)])
                batch[column.ages_name] = tf.RaggedTensor.from_row_lengths(
                    tf.constant(ages, tf.int64), lengths
                )
        elif column.kind in (Kind.NUMERIC, Kind.LABEL):
            batch[column.name] = tf.constant(values.astype(np.float32))
        elif column.kind is Kind.TIMESTAMP:
            batch[column.name] = tf.constant(values.astype(np.int64))
        else:
            batch[column.name] = tf.constant(values.astype(object), tf.string)
    return batch


def _table(values: np.ndarray) -> tf.lookup.StaticHashTable:
    """Return the lookup of a vocabulary: "" is padding, what is not in it unknown."""
    keys = tf.constant(["", *values], tf.string)
    ids = tf.concat([[0], tf.range(FIRST_ID, FIRST_ID + len(values))], axis=0)
    initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.cast(ids, tf.int64))
    return tf.lookup.StaticHashTable(initializer, default_value=UNKNOWN_ID)


def _column_values(log: EventLog, column: Column) -> Any:
    """Return the training values of a column: an array, or ragged strings of a list column."""
    tables = {Role.USER: log.users, Role.ITEM: log.items}
    frame = log.events if column.kind is Kind.ID else tables.get(column.role, log.events)
    if column.kind is Kind.TEXT:
        return tokenize(raw_batch(frame, [column])[column.name])
    if column.is_list:
        values = raw_batch(frame, [column])[column.name]
        return split_weights(values)[0] if column.weighted else values
    return frame[column.name].to_numpy()


def _vocabulary(column: Column, values: np.ndarray) -> np.ndarray:
    """Return the values seen often enough, most frequent first."""
    if values.dtype == object and len(values) and isinstance(values[0], bytes):
        values = np.array([value.decode("utf-8") for value in values], dtype=object)
    codes, uniques = pd.factorize(values, sort=True)
    counts = np.bincount(codes, minlength=len(uniques))
    order = np.argsort(-counts, kind="stable")
    keep = [i for i in order if counts[i] >= column.min_count and uniques[i] != ""]
    return np.asarray(uniques, dtype=object)[keep[: column.max_vocabulary]]


def _fit_numeric(column: Column, values: np.ndarray) -> Column:
    """Return the column with its statistics or bucket boundaries."""
    known = values[~np.isnan(values)].astype(np.float64)
    if column.is_bucketized:
        boundaries = column.boundaries
        if boundaries is None:
            assert column.num_buckets is not None
            inner = np.linspace(0, 1, column.num_buckets + 1)[1:-1]
            boundaries = tuple(np.unique(np.quantile(known, inner).astype(np.float32)).tolist())
        size = len(boundaries) + 1 + FIRST_ID
        return dataclasses.replace(column, boundaries=boundaries, vocabulary_size=size)
    if column.scaling == "log":
        known = np.sign(known) * np.log1p(np.abs(known))
    mean, stddev = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
    return dataclasses.replace(column, mean=float(mean), stddev=float(stddev))
