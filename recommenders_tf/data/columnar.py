"""Encoded columns in memory or memory-mapped, and batches of them."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.data import column_files
from recommenders_tf.data.column_store import ALIGNMENT, ColumnStore, aligned, num_chunks, packed
from recommenders_tf.data.columns import Columns, check_ids, column_spec, encoded_columns
from recommenders_tf.data.row_source import RowSource, with_labels
from recommenders_tf.schema import PADDING_ID, FeatureSchema


class ColumnarData(RowSource):
    """Rows of encoded columns, such as the examples that another program has written.

    Columns of one type are laid side by side, so that one gather fetches a batch of all of them.
    Batches are as `features.encoded_spec` says: lists padded to the schema's `max_length`, with
    their masks.

    Args:
        source: Encoded columns by name, NumPy or Arrow arrays; an Arrow table; a Parquet file or
            folder; an Arrow IPC file (`.arrow`, `.feather`); or a folder of `write_columns`,
            which is memory-mapped. A list column is an Arrow list array, or an array that is
            padded already. Masks, crosses and labels may be missing: a mask then is where a
            list has ids, a cross is computed.
        schema: Fitted schema, for models to be built from.

    Raises:
        SchemaError: A column is missing, has a type, shape or length that does not fit, or holds
            an id outside its vocabulary.

    Example:
        >>> import pyarrow as pa
        >>> from recommenders_tf.schema import FeatureSchema
        >>> schema = FeatureSchema.from_dict({
        ...     "columns": {
        ...         "user": {"kind": "id", "role": "user", "vocabulary_size": 9},
        ...         "item": {"kind": "id", "role": "item", "vocabulary_size": 9},
        ...         "tags": {"kind": "multi_hot", "role": "item", "vocabulary_size": 9,
        ...                  "max_length": 2},
        ...         "click": {"kind": "label", "role": "label"},
        ...     },
        ... })
        >>> columns = {"user": np.array([2, 3]), "item": np.array([5, 6])}
        >>> columns |= {"tags": pa.array([[4, 5], [7]]), "click": np.array([1, 0])}
        >>> features, label = next(iter(ColumnarData(columns, schema).batches(2, shuffle=False)))
        >>> features["tags"].numpy().tolist(), features["tags_mask"].numpy().tolist()
        ([[4, 5], [7, 0]], [[True, True], [True, False]])
    """

    def __init__(self, source: Columns | str | pathlib.Path, schema: FeatureSchema) -> None:
        self.schema = schema
        self._spec = column_spec(schema)
        store = _store(source, schema)
        self._count = len(store)
        self._blocks = [(block.widths, _tensor(block.rows)) for block in store.blocks]
        self._lists = {
            name: (_tensor(lists.chunks), _tensor(lists.spans))
            for name, lists in store.lists.items()
        }

    def __len__(self) -> int:
        return self._count

    def gather(self, index: tf.Tensor) -> Any:
        """Return the rows of an index, int64 `[batch]`.

        Returns:
            A dict of tensors as `features.encoded_spec` gives them; where there are labels, a pair
            with them, as `with_labels` says.
        """
        batch: dict[str, tf.Tensor] = {}
        for widths, rows in self._blocks:
            parts = tf.split(tf.gather(rows, index), list(widths.values()), axis=1)
            batch |= dict(zip(widths, parts, strict=True))
        for name, (chunks, spans) in self._lists.items():
            batch |= self._padded(name, chunks, tf.gather(spans, index))
        batch = {
            name: tf.reshape(
                tf.cast(value, self._spec[name].dtype), [-1, *self._spec[name].shape[1:]]
            )
            for name, value in batch.items()
        }
        if self.schema.event_time is not None:
            batch.pop(self.schema.event_time.name, None)
        for column in self.schema.features:
            if column.is_list:
                batch.setdefault(self.schema.mask_name(column), batch[column.name] != PADDING_ID)
        return with_labels(features.cross(self.schema, batch) | batch, self.schema)

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return whole encoded columns, features, labels or the time, which batches lack."""
        time = self.schema.event_time
        rest = [name for name in names if time is None or name != time.name]
        found = super().columns(rest) if rest else {}
        for widths, rows in self._blocks:
            if time is not None and time.name in widths and time.name in names:
                place = sum(list(widths.values())[: list(widths).index(time.name)])
                found[time.name] = tf.cast(rows[:, place], tf.int64).numpy()
        return found

    def _padded(self, name: str, chunks: tf.Tensor, spans: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return padded lists and, of ids, their mask; `spans` is as in `ChunkedLists`."""
        length, width = self._spec[name].shape[1], chunks.shape[1]
        count = num_chunks(length)
        first, lengths = tf.split(spans, 2, axis=1)
        numbers = tf.range(count, dtype=tf.int64)
        pieces = tf.gather(chunks, tf.where(numbers * width < lengths, first + numbers, 0))
        batch = {name: tf.reshape(pieces, [-1, count * width])[:, :length]}
        if name in self.schema:
            mask = tf.range(length, dtype=tf.int64) < lengths
            batch[self.schema.mask_name(self.schema[name])] = mask
        return batch


def _store(source: Columns | str | pathlib.Path, schema: FeatureSchema) -> ColumnStore:
    """Return the columns of a source, checked."""
    if isinstance(source, str | pathlib.Path):
        path = pathlib.Path(source)
        if column_files.is_written(path):
            return column_files.open_columns(path)
        source = column_files.read_table(path)
    arrays = encoded_columns(source, schema)
    check_ids(arrays, schema)
    return packed(arrays, schema)


class _Writable:
    """Shows an array as one that may be written to, which DLPack asks for; nothing writes to it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        start, _ = array.__array_interface__["data"]
        self.__array_interface__ = {**array.__array_interface__, "data": (start, False)}


def _tensor(array: np.ndarray) -> tf.Tensor:
    """Return a tensor that shares the memory of an array, or of a copy where it has to."""
    if array.ctypes.data % ALIGNMENT or not array.flags.c_contiguous:
        copy = aligned(array.shape, array.dtype)
        copy[...] = array
        array = copy
    return tf.experimental.dlpack.from_dlpack(np.asarray(_Writable(array)).__dlpack__())
