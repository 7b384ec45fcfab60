"""Metrics of groups: of users by how much they did before, of held-out items by how known they are.

Every group holds about as many users, or held-out items, as the others, so that its mean is about
as sure. A group is JSON: `from` and `to`, the events of its members, how many `users` its means are
of, and for each model's name `mean` and the bounds `low` and `high`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.report.compared_model import ComparedModel
from recommenders_tf.evaluation.significance import bootstrap_interval

_MOST_GROUPS = 4

Ints = npt.NDArray[np.int64]


def quantile_groups(counts: npt.ArrayLike) -> tuple[Ints, list[tuple[int, int]]]:
    """Divide by size into at most four groups of about as many members, equal ones together.

    Args:
        counts: Of each member `[members]`.

    Returns:
        The group of each member `[members]`, and the least and the greatest count of each group.

    Example:
        >>> quantile_groups([1, 1, 1, 2, 5, 7, 8, 9])[1]
        [(1, 1), (2, 2), (5, 7), (8, 9)]
    """
    sizes = np.asarray(counts)
    shares = np.arange(1, _MOST_GROUPS) / _MOST_GROUPS
    bounds = np.unique(np.quantile(sizes, shares, method="lower"))
    _, codes = np.unique(np.searchsorted(bounds, sizes), return_inverse=True)
    found = pd.Series(sizes).groupby(codes).agg(["min", "max"])
    return codes, [(int(least), int(most)) for least, most in found.to_numpy()]


def by_user_activity(
    models: Sequence[ComparedModel], activity: Ints, metric: str, confidence: float
) -> list[dict[str, Any]]:
    """Return the mean of a metric for users who did little before, and who did much.

    Args:
        models: They retrieve.
        activity: Events of each user before those that are held out `[users]`.
        metric: One that users have.
        confidence: Of the intervals.
    """
    codes, bounds = quantile_groups(activity)
    values = {model.name: model.evaluation.of_users(metric) for model in models}
    return [_group(bounds[g], values, codes == g, confidence) for g in range(len(bounds))]


def by_item_popularity(
    models: Sequence[ComparedModel], train: EventLog, test: EventLog, k: int, confidence: float
) -> list[dict[str, Any]]:
    """Return which share of little known held-out items is found, and which of well known ones.

    The share is taken of each user who has held-out items of the group, then over these users.

    Args:
        models: They retrieve.
        train: What they learned from; an item is as popular as it has events there.
        test: The held-out events.
        k: Places of the lists that count.
        confidence: Of the intervals.
    """
    user, item = test.schema.user_id.name, test.schema.item_id.name
    users = models[0].evaluation.users
    pairs = test.events[[user, item]].drop_duplicates()
    counts = train.events[item].value_counts().reindex(pairs[item], fill_value=0)
    codes, bounds = quantile_groups(counts)
    group_of_item = pd.Series(codes, pairs[item].to_numpy()).groupby(level=0).first()
    of_catalogue = group_of_item.reindex(train.items[item], fill_value=-1).to_numpy()
    shape = (len(users), len(bounds))
    asked = _count(pd.Index(users).get_indexer(pd.Index(pairs[user])), codes, shape)
    found = {}
    for model in models:
        assert model.lists is not None
        right = model.lists.is_relevant[:, :k]
        items = model.lists.items[:, :k][right]
        found[model.name] = _count(np.nonzero(right)[0], of_catalogue[items], shape)
    groups = []
    for number, bound in enumerate(bounds):
        of = asked[:, number]
        shares = {name: hits[:, number] / np.maximum(of, 1) for name, hits in found.items()}
        groups.append(_group(bound, shares, of > 0, confidence))
    return groups


def _group(
    bounds: tuple[int, int],
    values: dict[str, npt.NDArray[np.float64]],
    members: npt.NDArray[np.bool_],
    confidence: float,
) -> dict[str, Any]:
    """Return a group as JSON values."""
    own = np.stack([one[members] for one in values.values()], axis=1)
    low, high = bootstrap_interval(own, confidence)
    rows = np.stack([own.mean(axis=0), low, high], axis=1).tolist()
    of_models = [dict(zip(("mean", "low", "high"), row, strict=True)) for row in rows]
    least, most = bounds
    models = dict(zip(values, of_models, strict=True))
    return {"from": least, "to": most, "users": int(members.sum()), "models": models}


def _count(rows: Ints, columns: Ints, shape: tuple[int, int]) -> Ints:
    """Return how often each place of a table is named."""
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)
