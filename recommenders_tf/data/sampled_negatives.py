"""Labelled events that did not happen, for data that only tells what did."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.schema import SchemaError


def with_sampled_negatives(log: EventLog, per_positive: int = 1, seed: int = 0) -> EventLog:
    """Add events of items that were not chosen, labelled 0, beside each event of a log.

    Such an event has the user, the time and the context of one that happened, and an item drawn
    uniformly from those that the user meets neither in the log nor in its past. Histories stay as
    they were: what was drawn is in none of them. Split a log before its negatives are drawn.

    Args:
        log: Events that happened.
        per_positive: Events to add for each of them.
        seed: Of the draws.

    Returns:
        The log with the added events after its own; its `behaviours` are what happened.

    Raises:
        SchemaError: The schema has no label.
        ValueError: `per_positive` is below 1, the log has negatives already, or a user has met
            every item.

    Example:
        >>> from recommenders_tf import data
        >>> train, test = data.load("synthetic").split("time")
        >>> sampled = with_sampled_negatives(test, per_positive=2)
        >>> len(test), len(sampled)
        (5000, 15000)
    """
    schema = log.schema
    if schema.label is None:
        raise SchemaError(
            f"Schema `{schema.name}` has no label to tell drawn events from those that happened: "
            "add a column of kind `label` that is 1 in the data."
        )
    if per_positive < 1:
        raise ValueError(f"`per_positive` must be at least 1. Received: {per_positive}.")
    if log.behaviours is not None:
        raise ValueError(f"`{schema.name}` has sampled negatives already; sample them once.")
    happened = pd.concat([log.events, log.past], ignore_index=True)
    items = pd.Index(log.items[schema.item_id.name].unique())
    users = pd.factorize(happened[schema.user_id.name])[0]
    seen = np.unique(
        users * len(items) + items.get_indexer(pd.Index(happened[schema.item_id.name]))
    )
    asked = np.repeat(users[: len(log)], per_positive)
    _check_choice(seen // len(items), happened[schema.user_id.name], users, len(items))
    drawn = _draw(np.random.default_rng(seed), asked, len(items), seen)
    negatives = log.events.iloc[np.repeat(np.arange(len(log)), per_positive)].assign(
        **{schema.item_id.name: items.to_numpy(object)[drawn], schema.label.name: 0.0}
    )
    events = pd.concat([log.events, negatives], ignore_index=True)
    return dataclasses.replace(log, events=events, behaviours=happened)


def _check_choice(owners: np.ndarray, names: pd.Series, users: np.ndarray, items: int) -> None:
    """Raise a `ValueError` if a user has met every item, so that none is left to draw."""
    full = np.flatnonzero(np.bincount(owners) >= items)
    if len(full):
        raise ValueError(
            f"User `{names.iloc[int(np.argmax(users == full[0]))]}` has met all {items} items, so "
            "none is left to be a negative: leave the user out or give the whole catalogue."
        )


def _draw(
    random: np.random.Generator, users: np.ndarray, items: int, seen: np.ndarray
) -> np.ndarray:
    """Draw an item for each user that is not `seen`, a sorted array of user × items + item."""
    drawn = random.integers(items, size=len(users))
    left = np.arange(len(users))
    while len(left):
        left = left[np.isin(users[left] * items + drawn[left], seen)]
        drawn[left] = random.integers(items, size=len(left))
    return drawn
