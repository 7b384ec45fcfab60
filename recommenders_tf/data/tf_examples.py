"""TFRecord files of encoded tf.Examples as columns, so that batches come without parsing again."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data.column_files import write_columns
from recommenders_tf.data.columnar import ColumnarData
from recommenders_tf.data.columns import column_spec
from recommenders_tf.schema import FeatureSchema

_PART_ROWS = 8192
_FILES_AT_ONCE = 4
"""A number of its own and not of the machine, as the order of the rows depends on it."""


def read_examples(
    patterns: str | Sequence[str],
    schema: FeatureSchema,
    compression: str = "GZIP",
    folder: str | pathlib.Path | None = None,
) -> ColumnarData:
    """Parse encoded tf.Examples once, thousands at a time.

    Args:
        patterns: Patterns of the names of TFRecord files.
        schema: Fitted schema. An example has a feature of fixed length for each entry of
            `features.encoded_spec`, masks as integers, and one for each label. It may have the time
            of the event, which is 0 where it is missing.
        compression: Of the files: `GZIP`, `ZLIB` or "" for none.
        folder: Where to put the columns as memory-mapped files, for examples that are more than
            memory holds; None keeps them in memory.

    Returns:
        The examples, in an order that depends on the files alone.

    Raises:
        SchemaError: An id is outside its vocabulary.
        tf.errors.InvalidArgumentError: No file matches, or an example lacks a feature.
        ValueError: The files are empty.

    Example:
        >>> import tempfile
        >>> from recommenders_tf.schema import FeatureSchema
        >>> schema = FeatureSchema.from_dict({
        ...     "columns": {
        ...         "user": {"kind": "id", "role": "user", "vocabulary_size": 9},
        ...         "item": {"kind": "id", "role": "item", "vocabulary_size": 9},
        ...     },
        ... })
        >>> example = tf.train.Example()
        >>> for name in ("user", "item"):
        ...     example.features.feature[name].int64_list.value.append(4)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "examples"
        >>> with tf.io.TFRecordWriter(str(path), "GZIP") as file:
        ...     file.write(example.SerializeToString())
        >>> len(read_examples(str(path), schema))
        1
    """
    spec = {
        name: tf.io.FixedLenFeature(
            value.shape[1:], tf.int64 if value.dtype == tf.bool else value.dtype
        )
        for name, value in column_spec(schema).items()
    }
    if (time := schema.event_time) is not None:
        spec[time.name] = tf.io.FixedLenFeature([], tf.int64, 0)
    batches = parsed(patterns, spec, compression)
    parts = ({name: value.numpy() for name, value in batch.items()} for batch in batches)
    if folder is not None:
        return ColumnarData(write_columns(parts, schema, folder), schema)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in spec}
    for part in parts:
        for name, values in part.items():
            columns[name].append(values)
    if not columns[next(iter(spec))]:
        raise ValueError(f"There are no examples in {patterns}; give files that hold some.")
    return ColumnarData({name: np.concatenate(values) for name, values in columns.items()}, schema)


def parsed(
    patterns: str | Sequence[str], spec: Mapping[str, Any], compression: str = "GZIP"
) -> tf.data.Dataset:
    """Return the parsed tf.Examples of TFRecord files, thousands at a time, in a fixed order.

    Args:
        patterns: Patterns of the names of the files.
        spec: Of `tf.io.parse_example`.
        compression: Of the files.
    """
    files = tf.data.Dataset.list_files(patterns, shuffle=False)
    # Files read side by side hand over whole parts: record by record would cost more than parsing.
    parts = files.interleave(
        lambda name: tf.data.TFRecordDataset(name, compression).batch(_PART_ROWS),
        cycle_length=_FILES_AT_ONCE,
        num_parallel_calls=_FILES_AT_ONCE,
        deterministic=True,
    )
    return parts.map(
        lambda serialized: tf.io.parse_example(serialized, spec),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(2)
