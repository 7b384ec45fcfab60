"""What some users had met, what was held out of it, and what each model recommends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.report.compared_model import ComparedModel
from recommenders_tf.schema import Kind, Role

_MOST_SHOWN = 10
"""Items of a history, or of what was held out."""


def example_lists(
    models: Sequence[ComparedModel],
    test: EventLog,
    activity: npt.NDArray[np.int64],
    number: int,
    k: int,
) -> list[dict[str, Any]]:
    """Return users from little to very active ones, with their items and their lists.

    Args:
        models: They retrieve.
        test: The held-out events, with their past.
        activity: Events of each user before those that are held out `[users]`.
        number: Users to show.
        k: Places of each list.

    Returns:
        For each user: `user`, `events`, how many there were before, `history`, the latest of them
        first, `held_out` and `num_held_out`, and `lists` by the names of the models. Of histories
        and held-out items the first ten are named. An item has `id`, `title` and, in a list,
        `is_right`.
    """
    schema, users = test.schema, models[0].evaluation.users
    user, item = schema.user_id.name, schema.item_id.name
    catalogue = test.items[item].to_numpy()
    titles = pd.Series(_titles(test).to_numpy(), catalogue)
    past = test.events.iloc[:0] if test.past is None else test.past
    if schema.event_time:
        past = past.sort_values(schema.event_time.name, kind="stable")

    def shown(ids: Sequence[str]) -> list[dict[str, Any]]:
        found = titles.reindex(list(ids)).fillna("").tolist()
        return [{"id": one, "title": title or one} for one, title in zip(ids, found, strict=True)]

    def listed(model: ComparedModel, place: int) -> list[dict[str, Any]]:
        assert model.lists is not None
        items, right = model.lists.items[place, :k], model.lists.is_relevant[place, :k]
        there = items >= 0
        rows = zip(shown(catalogue[items[there]].tolist()), right[there].tolist(), strict=True)
        return [{**row, "is_right": is_right} for row, is_right in rows]

    examples = []
    for place in _spread(activity, number):
        own = past.loc[past[user] == users[place], item].tolist()[::-1]
        held_out = test.events.loc[test.events[user] == users[place], item].unique().tolist()
        examples.append(
            {
                "user": users[place],
                "events": int(activity[place]),
                "history": shown(own[:_MOST_SHOWN]),
                "held_out": shown(held_out[:_MOST_SHOWN]),
                "num_held_out": len(held_out),
                "lists": {model.name: listed(model, place) for model in models},
            }
        )
    return examples


def _titles(log: EventLog) -> pd.Series:
    """Return the text column of the items that comes first, or their ids without one."""
    texts = log.schema.select(Role.ITEM, Kind.TEXT)
    return log.items[texts[0].name if texts else log.schema.item_id.name]


def _spread(activity: npt.NDArray[np.int64], number: int) -> list[int]:
    """Return positions of users in the middle of equal parts, from the least active on."""
    order = np.argsort(activity, kind="stable")
    middles = (np.arange(number) + 0.5) / max(number, 1) * len(order)
    return order[np.unique(middles.astype(int))].tolist()
