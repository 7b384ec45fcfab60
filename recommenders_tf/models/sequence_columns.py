"""The columns of events that models of sequences read."""

from __future__ import annotations

import numpy as np

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.schema import Column, FeatureSchema, SchemaError


def sequence_of_items(schema: FeatureSchema) -> Column:
    """Return the sequence whose source is the item id."""
    item = schema.item_id.name
    for column in schema.sequences:
        if column.source == item and schema.event_time is not None:
            return column
    raise SchemaError(
        f"Schema `{schema.name}` has no sequence of `{item}` or no event time, from which the next "
        "item is told: add a column of kind `timestamp` and one of kind `sequence` whose `source` "
        f"is `{item}`."
    )


def sequences_beside(schema: FeatureSchema, column: Column) -> list[Column]:
    """Return the sequences of other features of the items, step by step as one of the items.

    Raises:
        SchemaError: One of them has another `max_length`, so that steps do not meet.
    """
    others = [
        c for c in schema.sequences if c.source != column.source and not schema.table_of(c).growing
    ]
    for other in others:
        if other.max_length != column.max_length:
            raise SchemaError(
                f"Sequence `{other.name}` has the `max_length` {other.max_length} and "
                f"`{column.name}` has {column.max_length}; they are read side by side, step by "
                "step: give both the same."
            )
    return others


def behaviour_width(schema: FeatureSchema, embedding_dim: int, model: str) -> int:
    """Return the width of a behaviour: the vectors of all sequences at one step, side by side.

    Args:
        schema: Fitted schema.
        embedding_dim: Width of the embeddings where the schema gives none.
        model: Name of the model that reads behaviours, for the messages.

    Raises:
        SchemaError: There is no sequence, or sequences differ in `max_length`, or from their source
            in width.
    """
    first, *others = schema.sequences or (None,)
    if first is None:
        raise SchemaError(
            f"Schema `{schema.name}` has no column of kind `sequence`: {model} follows a user's "
            "past; add a sequence whose `source` is the item id."
        )
    for other in others:
        if other.max_length != first.max_length:
            raise SchemaError(
                f"Sequence `{other.name}` has the `max_length` {other.max_length} and "
                f"`{first.name}` {first.max_length}, but {model} reads them step by step side by "
                "side: give both the same."
            )
    total = 0
    for column in schema.sequences:
        source = schema[str(column.source)]
        width, of_source = (
            schema.table_of(c).embedding_dim or embedding_dim for c in (column, source)
        )
        if width != of_source:
            raise SchemaError(
                f"Sequence `{column.name}` is {width} wide and its source `{source.name}` "
                f"{of_source}, but {model} compares them: give both the same `embedding_dim`."
            )
        total += width
    return total


def event_times(source: RowSource, schema: FeatureSchema) -> np.ndarray:
    """Return the time of each event, int64 `[events]`.

    Raises:
        ValueError: The source has none.
    """
    time = schema.event_time
    found = source.columns([time.name]) if time is not None else {}
    if time is None or time.name not in found or not found[time.name].any():
        raise ValueError(
            f"The events have no `{time.name if time else 'event time'}`, by which sequences are "
            "in order: write it into the examples beside the features."
        )
    return found[time.name]
