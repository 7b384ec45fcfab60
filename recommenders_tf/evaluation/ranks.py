"""Where held-out items stand in the order that a model gives, a block of users at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from recommenders_tf.evaluation.candidates import candidate_rows
from recommenders_tf.evaluation.protocol import Protocol
from recommenders_tf.evaluation.questions import Ints, Questions
from recommenders_tf.index.exact import EXCLUDED_SCORE, exact_top_k, hide, rows_at_once
from recommenders_tf.serving_graph import ServingGraph
from recommenders_tf.serving_tables import UNKNOWN_ROW

Floats = npt.NDArray[np.float32]


def ranked_lists(
    graph: ServingGraph, questions: Questions, protocol: Protocol, k: int
) -> tuple[Floats, Ints]:
    """Return the k best items of every user, and which of them are relevant.

    Ties count against the model: the rank of a relevant item is the number of others that score
    at least as high, plus its place among the relevant ones. Of equal others the one that stands
    first in the table of items comes first. Memory grows with users times k, never with users
    times items.

    Args:
        graph: Serving graph with a retriever.
        questions: The users and their held-out items.
        protocol: What to rank them among, and whether seen items are left out.
        k: Length of the lists.

    Returns:
        float32 `[users, k]`, 1 where the item at that rank is relevant, and item rows, int64
        `[users, k]`, -1 where a list is short.
    """
    tables, users = graph.tables, len(questions)
    step = rows_at_once(tables.items.size)
    relevance, lists = np.zeros((users, k), np.float32), np.full((users, k), -1, np.int64)
    candidates = candidate_rows(protocol.candidates, questions, tables, step)
    for start, among in zip(range(0, users, step), candidates, strict=True):
        block = slice(start, start + step)
        context = {name: tf.constant(value[block]) for name, value in questions.context.items()}
        scores = graph.catalogue_scores(
            tf.constant(questions.users[block], tf.string), questions.histories, context
        )
        hidden = [(np.arange(len(scores)), np.full(len(scores), UNKNOWN_ROW))]
        if protocol.exclude_seen:
            hidden.append(questions.seen(block))
        owners, items = questions.relevant(block)
        scores = hide(scores, *map(np.concatenate, zip(*hidden, strict=True)))
        own = tf.gather_nd(scores, np.stack([owners, items], axis=1)).numpy()
        others = hide(scores, owners, items)
        if among is not None:
            others = tf.gather(others, among, batch_dims=1)
        best, rows = exact_top_k(others, None, k)
        if among is not None:
            rows = tf.gather(among, rows, batch_dims=1)
        order = np.lexsort((-own, owners))
        owners, items, own = owners[order], items[order], own[order]
        ranks = _ranks(owners, own, best.numpy())
        found = ranks < k
        owners, items, ranks = owners[found], items[found], ranks[found]
        relevance[block][owners, ranks] = 1
        lists[block] = _others_around(relevance[block] > 0, best.numpy(), rows.numpy())
        lists[block][owners, ranks] = items
    return relevance, lists


def _ranks(owners: Ints, own: Floats, best: Floats) -> Ints:
    """Return the rank, from 0, of relevant items in the order of user and falling score.

    Args:
        owners: Row in `best` of each relevant item `[pairs]`.
        own: Its score, -inf where it may not be recommended `[pairs]`.
        best: The greatest scores of the others, falling `[users, k]`.

    Returns:
        Ranks `[pairs]`: exact below k, and k or above elsewhere.
    """
    ahead = np.count_nonzero(best[owners] >= own[:, np.newaxis], axis=1)
    place = np.arange(len(owners)) - np.searchsorted(owners, owners)
    return np.where(own > EXCLUDED_SCORE, ahead + place, best.shape[1])


def _others_around(is_relevant: np.ndarray, best: Floats, rows: Ints) -> Ints:
    """Return lists whose places without a relevant item the others take, in their order."""
    number = np.maximum(np.cumsum(~is_relevant, axis=1) - 1, 0)
    there = np.where(best > EXCLUDED_SCORE, rows, -1)
    return np.take_along_axis(there, number, axis=1)
