"""What items have in common: their categories, one or several."""

from __future__ import annotations

import numpy as np

from recommenders_tf.data.drawn_items import known_items
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.schema import FIRST_ID, Column, FeatureSchema, Kind, Role


def attribute_columns(schema: FeatureSchema) -> list[Column]:
    """Return the columns whose values are attributes of items: categories, one or several."""
    return [
        column
        for column in schema.select(role=Role.ITEM)
        if column.kind in (Kind.CATEGORICAL, Kind.MULTI_HOT) and not schema.table_of(column).growing
    ]


def num_attributes(schema: FeatureSchema) -> int:
    """Return how many attributes the items of a schema may have."""
    return sum(schema.vocabulary_size(c) - FIRST_ID for c in attribute_columns(schema))


def attribute_table(source: RowSource) -> np.ndarray:
    """Return the numbers of the attributes of every item, one column after another.

    Args:
        source: Events.

    Returns:
        int32 `[items, most]`, by encoded id: numbers from 1, none twice, and 0 where there is none.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> attribute_table(train).shape[1], num_attributes(train.schema)
        (5, 12)
    """
    schema, items = source.schema, known_items(source)
    rows = items[schema.item_id.name].numpy()
    found, before = [np.zeros((len(rows), 0), np.int32)], 0
    for column in attribute_columns(schema):
        ids = items[column.name].numpy().reshape(len(rows), -1)
        found.append(np.where(ids >= FIRST_ID, ids - FIRST_ID + 1 + before, 0).astype(np.int32))
        before += schema.vocabulary_size(column) - FIRST_ID
    own = np.sort(np.concatenate(found, axis=1), axis=1)
    own[:, 1:][own[:, 1:] == own[:, :-1]] = 0
    table = np.zeros((schema.vocabulary_size(schema.item_id), own.shape[1]), np.int32)
    table[rows] = own
    return table
