"""Encoded columns as NumPy arrays, checked against a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.schema import FeatureSchema, SchemaError

# Arrays by name, or a `pyarrow.Table`, which mypy knows nothing of.
Columns: TypeAlias = Any


class Lists(NamedTuple):
    """The lists of a column: the values of all rows on end, and where each row begins."""

    values: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1


def encoded_columns(columns: Columns, schema: FeatureSchema) -> dict[str, np.ndarray | Lists]:
    """Return what a schema asks for of the given columns, without copying where that is possible.

    Masks of lists and crosses may be missing: they follow from other columns. So may labels, and
    the time of the event.

    Args:
        columns: Arrays by name, NumPy or Arrow, or an Arrow table; others are left out.
        schema: Fitted schema.

    Returns:
        For each column an array `[rows]` or `[rows, max_length]`, or the lists of the rows.

    Raises:
        SchemaError: A column is missing, or has a type, a shape or a length that does not fit.
    """
    if isinstance(columns, pa.Table):
        columns = {name: columns[name] for name in columns.column_names}
    spec = column_spec(schema)
    arrays = {n: _as_array(n, columns[n]) for n in spec if n in columns}
    derived = {schema.mask_name(column) for column in schema.features if column.is_list}
    derived |= {column.name for column in schema.crosses}
    derived |= {label.name for label in schema.labels}
    derived |= {schema.event_time.name} if schema.event_time else set()
    for name in spec:
        if name not in arrays and name not in derived:
            raise SchemaError(
                f"Column `{name}` of schema `{schema.name}` is missing; the data has "
                f"{', '.join(columns) or 'no columns'}."
            )
    for name, array in arrays.items():
        _check(name, array, spec[name])
    lengths = {name: len(array) for name, array in arrays.items()}
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise SchemaError(
                f"Column `{name}` has {length} rows and `{first}` has {lengths[first]}; give "
                "columns of one length."
            )
    return arrays


def column_spec(schema: FeatureSchema) -> dict[str, tf.TensorSpec]:
    """Return the type of every encoded column: features, labels and the time of the event."""
    spec = features.encoded_spec(schema)
    spec |= {c.name: tf.TensorSpec([None], tf.float32, c.name) for c in schema.labels}
    if (time := schema.event_time) is not None:
        spec[time.name] = tf.TensorSpec([None], tf.int64, time.name)
    return spec


def check_ids(arrays: Mapping[str, np.ndarray | Lists], schema: FeatureSchema) -> None:
    """Read all ids and check that each has a row in its table.

    Raises:
        SchemaError: One has none.
    """
    for column in schema.features:
        if not column.has_ids or column.name not in arrays:
            continue
        if schema.table_of(column).growing:  # its ids are hashes, for the model to find rows for
            continue
        array, size = arrays[column.name], schema.vocabulary_size(column)
        values = array.values if isinstance(array, Lists) else array
        for value in (values.min(), values.max()) if values.size else ():
            if not 0 <= value < size:
                raise SchemaError(
                    f"Column `{column.name}` holds the id {value}, and its vocabulary has the ids "
                    f"0 to {size - 1}; encode it with the schema that is given here."
                )


def _as_array(name: str, values: Any) -> np.ndarray | Lists:
    """Return the values of NumPy, Arrow or anything that NumPy takes."""
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else pa.concat_arrays(values.chunks)
    if not isinstance(values, pa.Array):
        return np.asanyarray(values)
    if values.null_count:
        raise SchemaError(
            f"Column `{name}` lacks {values.null_count} of its values; fill them before training."
        )
    if pa.types.is_fixed_size_list(values.type):
        flat = values.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(len(values), values.type.list_size)
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        flat = values.values.to_numpy(zero_copy_only=False)
        return Lists(flat, values.offsets.to_numpy())
    return values.to_numpy(zero_copy_only=False)


def _check(name: str, array: np.ndarray | Lists, spec: tf.TensorSpec) -> None:
    """Raise a `SchemaError` if a column has a type or a shape that does not fit."""
    values = array.values if isinstance(array, Lists) else array
    whole = spec.dtype != tf.float32
    if values.dtype.kind not in ("iub" if whole else "iubf"):
        raise SchemaError(
            f"Column `{name}` holds {values.dtype}, not {'integers' if whole else 'numbers'}; "
            "encode it first (`Preprocessor.encode`), and give lists as an Arrow list array."
        )
    length = spec.shape[1] if spec.shape.rank > 1 else None
    if isinstance(array, Lists):
        if length is None:
            raise SchemaError(f"Column `{name}` holds lists; its schema asks for one value a row.")
    elif array.shape[1:] != tuple(spec.shape[1:]):
        asked = f"[rows, {length}] or an Arrow list array" if length else "[rows]"
        raise SchemaError(
            f"Column `{name}` has the shape {list(array.shape)}; its schema asks for {asked}."
        )
