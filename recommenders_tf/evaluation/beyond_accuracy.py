"""Metrics of what a model recommends, whether it is right or not, from the lists of all users."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recommenders_tf import metrics
from recommenders_tf.schema import FIRST_ID, Kind, Role, SchemaError
from recommenders_tf.serving_tables import UNKNOWN_ROW, ServingTables

LISTS = ("Coverage", "Gini", "Novelty", "Serendipity", "Diversity", "PopularityBias")
"""Their names."""


def list_metric(
    name: str,
    lists: npt.NDArray[np.int64],
    relevance: npt.NDArray[np.float32],
    popularity: npt.NDArray[np.float64],
    vectors: npt.ArrayLike | None,
) -> float:
    """Return a metric of `LISTS`; see `recommenders_tf.metrics.lists`.

    Args:
        name: Of the metric.
        lists: Items, from 0, -1 where a list is short `[users, k]`.
        relevance: 1 where the item at that rank is relevant `[users, k]`.
        popularity: Share of the users who met each item `[items]`.
        vectors: What items are like; `Diversity` alone reads them `[items, dim]`.
    """
    if name == "Coverage":
        return metrics.coverage(lists, len(popularity))
    if name == "Gini":
        return metrics.gini(lists, len(popularity))
    if name == "Novelty":
        return metrics.novelty(lists, popularity)
    if name == "Serendipity":
        return metrics.serendipity(lists, relevance, popularity)
    if name == "Diversity":
        assert vectors is not None
        return metrics.intra_list_diversity(lists, vectors)
    return metrics.popularity_bias(lists, popularity)


def item_popularity(tables: ServingTables) -> npt.NDArray[np.float64]:
    """Return the share of the users of the training log who met each item, `[items]`."""
    schema, events = tables.schema, tables.events
    users = np.maximum(tables.users.index.get_indexer(events[schema.user_id.name]), UNKNOWN_ROW)
    items = np.maximum(tables.items.index.get_indexer(events[schema.item_id.name]), UNKNOWN_ROW)
    pairs = np.unique(users.astype(np.int64) * tables.items.size + items)
    counts = np.bincount(pairs % tables.items.size, minlength=tables.items.size)
    return counts[UNKNOWN_ROW + 1 :] / max(len(np.unique(users)), 1)


def item_categories(tables: ServingTables) -> npt.NDArray[np.float32]:
    """Return which categories each item has, of its multi-hot columns, `[items, categories]`.

    Raises:
        SchemaError: Items have no such column.
    """
    schema = tables.schema
    columns = schema.select(Role.ITEM, Kind.MULTI_HOT) or schema.select(Role.ITEM, Kind.CATEGORICAL)
    if not columns:
        raise SchemaError(
            f"Items of `{schema.name}` have no multi-hot or categorical column, which `Diversity` "
            "compares: add one, or give `vectors`."
        )
    found = []
    for column in columns:
        ids = tables.items.features[column.name].numpy().reshape(tables.items.size, -1)
        known = np.zeros((tables.items.size, schema.vocabulary_size(column)), np.float32)
        np.put_along_axis(known, ids, 1.0, axis=1)
        found.append(known[UNKNOWN_ROW + 1 :, FIRST_ID:])
    return np.concatenate(found, axis=1)
