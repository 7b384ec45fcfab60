"""Events beside items drawn at random, with all features of the items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data.row_source import RowSource, flat_columns
from recommenders_tf.features import get_column
from recommenders_tf.schema import FIRST_ID, FeatureSchema, Role

DRAWN = "drawn/"
DRAWN_SHARE = "drawn/share"
_ITEMS_AT_ONCE = 1 << 14


class DrawnItems(RowSource):
    """The rows of a source, each with items that are drawn uniformly from those of all its rows.

    What is drawn follows from the rows of a batch, so that a run that goes on from a checkpoint
    draws what it would have drawn. A batch costs what its items do, however many there are.

    Args:
        source: Events.
        num_drawn: Items for each event.

    Raises:
        ValueError: No event has a known item.

    Example:
        >>> from recommenders_tf import data
        >>> rows = DrawnItems(data.encode(data.load("synthetic")), num_drawn=2)
        >>> features, _ = next(iter(rows.batches(3)))
        >>> features[DRAWN + "item_id"].shape, features[DRAWN + "genres"].shape[:2]
        (TensorShape([3, 2]), TensorShape([3, 2]))
    """

    def __init__(self, source: RowSource, num_drawn: int) -> None:
        self.source, self.schema, self.num_drawn = source, source.schema, num_drawn
        self.tables = getattr(source, "tables", None)
        self._features = known_items(source)
        self._count = len(self._features[self.schema.item_id.name])
        if not self._count:
            raise ValueError(
                f"None of the {len(source)} events has a known `{self.schema.item_id.name}`, of "
                "which negatives are drawn: encode the events with the schema that they were "
                "fitted on."
            )

    def __len__(self) -> int:
        return len(self.source)

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return whole encoded columns of the source."""
        return self.source.columns(names)

    def gather(self, index: tf.Tensor) -> Any:
        """Return the rows of the source with `DRAWN` features, each `[batch, num_drawn, ...]`.

        `DRAWN_SHARE`, float32 `[batch]`, is how likely a draw is any one item.
        """
        batch = self.source.gather(index)
        rows = tf.size(index)
        places = tf.range(tf.size(index, tf.int64))
        seed = tf.stack([tf.reduce_sum(index), tf.reduce_sum(index * places)])
        shape = tf.stack([rows, self.num_drawn])
        drawn = tf.random.stateless_uniform(shape, seed, 0, self._count, tf.int64)
        extra = {DRAWN + name: tf.gather(part, drawn) for name, part in self._features.items()}
        extra[DRAWN_SHARE] = tf.fill([rows], 1 / self._count)
        return (batch[0] | extra, *batch[1:]) if isinstance(batch, tuple) else batch | extra


def known_items(source: RowSource) -> dict[str, tf.Tensor]:
    """Return the features of every known item of the rows, once, in the order of their ids.

    Args:
        source: Events.

    Returns:
        The tensors that `item_features` names, each `[items, ...]`.

    Example:
        >>> from recommenders_tf import data
        >>> items = known_items(data.encode(data.load("synthetic")))
        >>> items["item_id"][:3].numpy().tolist(), items["genres"].shape[1]
        ([2, 3, 4], 4)
    """
    schema = source.schema
    item = schema.item_id.name
    ids, first = np.unique(source.columns([item])[item], return_index=True)
    first = first[ids >= FIRST_ID]
    blocks = [
        flat_columns(source.gather(tf.constant(part)), schema)
        for part in np.array_split(first, max(1, -(-len(first) // _ITEMS_AT_ONCE)))
    ]
    return {n: tf.concat([block[n] for block in blocks], axis=0) for n in item_features(schema)}


def drawn_items(batch: Mapping[str, tf.Tensor], schema: FeatureSchema) -> dict[str, tf.Tensor]:
    """Return the features of the items that stand beside a batch, `[batch * num_drawn, ...]`.

    Raises:
        SchemaError: The batch is not one of `DrawnItems`.
    """
    drawn = {name: get_column(batch, DRAWN + name) for name in item_features(schema)}
    return {name: tf.reshape(part, [-1, *part.shape[2:]]) for name, part in drawn.items()}


def item_features(schema: FeatureSchema) -> list[str]:
    """Return the names of all encoded tensors that describe an item, masks and weights too."""
    names = []
    for column in schema.features:
        if schema.roles(column) == {Role.ITEM}:
            names.append(column.name)
            if schema.list_source(column) is not None:
                names.append(schema.mask_name(column))
            if weights := schema.weights_name(column):
                names.append(weights)
    return list(dict.fromkeys(names))
