"""Held-out events as questions: each user once, with all items that the user went on to meet."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.histories import LeakError
from recommenders_tf.serving_graph import ServingGraph
from recommenders_tf.serving_tables import Histories, ServingTables

Ints = npt.NDArray[np.int64]

_USERS_AT_ONCE = 2**16


@dataclasses.dataclass(frozen=True)
class Questions:
    """The users of a test log and what they are asked for.

    Args:
        users: Raw ids, text `[users]`, by the length of their pasts, the shortest first.
        rows: Their rows in the table of users `[users]`, 0 for unknown ones.
        owners: Position in `users` of each pair of user and held-out item `[pairs]`, rising.
        items: Row of the item of each pair, 0 if it is not in the catalogue `[pairs]`.
        num_relevant: Held-out items of each user, in the catalogue or not `[users]`.
        context: What is known of each user's first held-out event, by column `[users]`.
        histories: What the users had met before.
    """

    users: npt.NDArray[np.object_]
    rows: Ints
    owners: Ints
    items: Ints
    num_relevant: Ints
    context: dict[str, np.ndarray]
    histories: Histories

    @classmethod
    def of(cls, graph: ServingGraph, test: EventLog) -> Questions:
        """Return the questions that the events of a test log are.

        Args:
            graph: Serving graph with a retriever.
            test: Held-out events; `test.past` is what their users had met.

        Raises:
            LeakError: The model has learned from held-out events.
        """
        schema, events, tables = test.schema, test.events, graph.tables
        histories = histories_before(tables, test)
        codes, users = pd.factorize(events[schema.user_id.name])
        rows = np.maximum(tables.users.index.get_indexer(users), 0).astype(np.int64)
        # Users of pasts of one length side by side: what a block costs goes by its longest.
        order = np.argsort(histories.lengths(rows), kind="stable")
        codes, users, rows = np.argsort(order)[codes], users[order], rows[order]
        item_codes, items = pd.factorize(events[schema.item_id.name])
        pairs = np.unique(codes * len(items) + item_codes)
        owners = pairs // max(len(items), 1)
        times = events[schema.event_time.name] if schema.event_time else np.arange(len(events))
        order = np.lexsort((np.asarray(times), codes))
        firsts = order[np.searchsorted(codes[order], np.arange(len(users)))]
        item_rows = np.maximum(tables.items.index.get_indexer(items), 0)
        found = cls(
            users=np.asarray(users, object),
            rows=rows,
            owners=owners,
            items=item_rows[pairs % max(len(items), 1)].astype(np.int64),
            num_relevant=np.bincount(owners, minlength=len(users)),
            context={
                c.name: events[c.name].to_numpy()[firsts] for c in graph.context if c.name in events
            },
            histories=histories,
        )
        found._check_no_leak(tables)
        return found

    def __len__(self) -> int:
        return len(self.users)

    def seen(self, block: slice) -> tuple[Ints, Ints]:
        """Return what a block of users had met: positions in the block and item rows, by pair."""
        return _pairs(self.histories, self.rows[block])

    def relevant(self, block: slice) -> tuple[Ints, Ints]:
        """Return the held-out items of a block that are in the catalogue, likewise."""
        first, last = np.searchsorted(self.owners, [block.start, block.stop])
        known = self.items[first:last] > 0
        return self.owners[first:last][known] - block.start, self.items[first:last][known]

    def _check_no_leak(self, tables: ServingTables) -> None:
        """Raise a `LeakError` if what is asked for is in the training log but not in the past."""
        if self.histories is tables.histories:
            return
        size = tables.items.size
        for start in range(0, len(self), _USERS_AT_ONCE):
            block = slice(start, start + _USERS_AT_ONCE)
            asked, past, learned = (
                owners * size + items
                for owners, items in (
                    self.relevant(block),
                    self.seen(block),
                    _pairs(tables.histories, self.rows[block]),
                )
            )
            leaked = asked[np.isin(asked, learned) & ~np.isin(asked, past)]
            if len(leaked):
                raise LeakError(
                    f"The model has learned from {len(leaked):,} of {len(asked):,} held-out pairs, "
                    f"such as user `{self.users[start + leaked[0] // size]}` and item "
                    f"`{tables.items.index[leaked[0] % size]}`: train it on the training part of "
                    "the protocol that it is evaluated with."
                )


def histories_before(tables: ServingTables, test: EventLog) -> Histories:
    """Return what users had met before a test log: its past, or the training log without one."""
    if test.past is None or _is_same(tables.events, test.past):
        return tables.histories
    return tables.histories_of(test.past)


def _is_same(events: pd.DataFrame, past: pd.DataFrame) -> bool:
    """Return whether two tables of events are the same, so that one need not be sorted again."""
    return len(events) == len(past) and all(
        name in past and np.array_equal(events[name].to_numpy(), past[name].to_numpy())
        for name in events
    )


def _pairs(histories: Histories, rows: Ints) -> tuple[Ints, Ints]:
    found: tf.RaggedTensor = histories.rows(tf.constant(rows, tf.int64))
    # `value_rowids` makes a mask of users times the longest history on its way.
    owners = np.repeat(np.arange(len(rows)), np.diff(found.row_splits.numpy()))
    return owners, found.flat_values.numpy()
