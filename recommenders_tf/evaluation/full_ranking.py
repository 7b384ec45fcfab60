"""Ranks of held-out items among all items that a user has not seen, and metrics of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.questions import histories_before
from recommenders_tf.index.exact import rows_at_once
from recommenders_tf.serving_graph import ServingGraph
from recommenders_tf.serving_tables import UNKNOWN_ROW


def evaluate_ranking(
    graph: ServingGraph, test: EventLog, k: int | Sequence[int] = 10
) -> dict[str, float]:
    """Return HR@k and NDCG@k of held-out events over the full catalogue.

    Every test event is one question with one right answer, so HR@k equals Recall@k, and NDCG@k is
    1 / log2(1 + rank) where the rank is within k, else 0. Both are means over the test events. It
    is what the pipeline's Evaluator counts, event by event. Where users have several test events,
    the other items of a user are among the wrong answers; `evaluate` asks each user once for all of
    them, and after a split by `leave_last_out` gives the same values.

    Args:
        graph: Serving graph with a retriever.
        test: Held-out events; `test.past` is what their users had seen.
        k: Length of the list, or several.

    Returns:
        Values by name: `HR@10`, `NDCG@10`, for each k.

    Example:
        >>> from recommenders_tf import data, models
        >>> train, test = data.load("synthetic").split("leave_last_out")
        >>> encoded = data.encode(train)
        >>> model = models.Popularity(encoded.schema)
        >>> model.compile()
        >>> _ = model.fit(encoded, verbose=0)
        >>> sorted(model.evaluate(test))
        ['HR@10', 'NDCG@10']
    """
    ranks = held_out_ranks(graph, test)
    values = {}
    for cut in [k] if isinstance(k, int) else k:
        hit = ranks <= cut
        values[f"HR@{cut}"] = float(hit.mean())
        values[f"NDCG@{cut}"] = float(np.where(hit, 1 / np.log2(1 + ranks), 0.0).mean())
    return values


def held_out_ranks(graph: ServingGraph, test: EventLog) -> np.ndarray:
    """Return the rank of every test event's item, from 1; infinite if it can't be recommended.

    Items that the user had seen are left out. Ties count against the model: an item with the
    score of ten others ranks last of the eleven, so that constant scores earn nothing.

    Args:
        graph: Serving graph with a retriever.
        test: Held-out events; `test.past` is what their users had seen.

    Returns:
        Ranks, float64 `[events]`.

    Example:
        >>> from recommenders_tf import data, models
        >>> train, test = data.load("synthetic").split("leave_last_out")
        >>> encoded = data.encode(train)
        >>> model = models.Popularity(encoded.schema)
        >>> model.compile()
        >>> _ = model.fit(encoded, verbose=0)
        >>> ranks = held_out_ranks(model.serving_graph(), test)
        >>> bool(ranks.min() >= 1)
        True
    """
    tables, schema = graph.tables, graph.tables.schema
    histories = histories_before(tables, test)
    step = rows_at_once(tables.items.size)
    columns = [column.name for column in graph.context if column.name in test.events]
    users = test.events[schema.user_id.name].to_numpy(object)
    items = tables.items.index.get_indexer(test.events[schema.item_id.name])
    ranks = []
    for start in range(0, len(users), step):
        block = slice(start, start + step)
        context = {n: tf.constant(test.events[n].to_numpy()[block]) for n in columns}
        scores = graph.catalogue_scores(tf.constant(users[block]), histories, context)
        rows = tables.users.rows(tf.constant(users[block]))
        seen = histories.rows(rows)
        ranks.append(_ranks(scores.numpy(), items[block], seen))
    return np.concatenate(ranks) if ranks else np.zeros(0)


def _ranks(scores: np.ndarray, items: np.ndarray, seen: tf.RaggedTensor) -> np.ndarray:
    """Return the ranks of `items` in `scores` `[users, items]`, seen items left out."""
    scores[:, UNKNOWN_ROW] = -np.inf
    scores[seen.value_rowids().numpy(), seen.flat_values.numpy()] = -np.inf
    own = np.take_along_axis(scores, np.maximum(items, UNKNOWN_ROW)[:, np.newaxis], axis=1)
    better = np.count_nonzero(scores >= own, axis=1)
    return np.where(np.isfinite(own[:, 0]), better, np.inf)
