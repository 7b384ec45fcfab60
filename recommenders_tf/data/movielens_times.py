"""Times for the events of a MovieLens 1M copy in which some are missing."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.data.sources import TableSource

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SHIFT = 1_000_000
"""Above every user and movie id of MovieLens 1M: makes one key of two ids."""


def fill_times(events: pd.DataFrame, *, ratings: pathlib.Path, order: pathlib.Path) -> pd.DataFrame:
    """Give each event without a time one that fits between the events around it.

    Args:
        events: Text rows with `user_id`, `movie_id`, `timestamp`.
        ratings: The file that the rows come from.
        order: The file `ml-1m.txt` of the folder `sequential-ml-1m`: each user's movies in order
            of time, under new ids which the files beside it map back.

    Returns:
        The rows with times estimated where the order has the event and a time of the same user is
        known; the others stay without.
    """
    missing = np.flatnonzero(events["timestamp"] == "")
    if not len(missing):
        return events
    keys, times = _estimates(ratings, order)
    wanted = _keys(*_ids(events.iloc[missing]))
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = keys[place] == wanted
    filled = events["timestamp"].to_numpy(dtype=object, copy=True)
    filled[missing[found]] = times[place[found]].astype(str)
    return events.assign(timestamp=filled)


@functools.lru_cache(maxsize=1)
def _estimates(ratings: pathlib.Path, order: pathlib.Path) -> tuple[Ints, Ints]:
    """Return the sorted keys of the events that the order has, and a time for each.

    Between two known times of a user the missing ones are spread evenly; before the first and
    after the last known one they are a second apart, so that the order holds.
    """
    sequence = _table(order)
    users = _original_ids(order.with_name(order.name.replace("ml-1m", "sas_to_original_users")))
    items = _original_ids(order.with_name(order.name.replace("ml-1m", "sas_to_original_items")))
    user, item = users[sequence[:, 0]], items[sequence[:, 1]]
    rows = TableSource(ratings).read().frame
    known = pd.Series(pd.to_numeric(rows["timestamp"], "coerce").to_numpy(), _keys(*_ids(rows)))
    known = known[~known.index.duplicated()]
    keys = _keys(user, item)
    times = _between(user, known.reindex(keys).to_numpy())
    keys, times = keys[~np.isnan(times)], times[~np.isnan(times)]
    sort = np.argsort(keys)
    return keys[sort], times[sort].astype(np.int64)


def _between(user: Ints, times: Floats) -> Floats:
    """Fill in the NaN of times that are in order within each user's run of rows."""
    place = np.arange(len(times))
    is_known = ~np.isnan(times)
    before = np.maximum.accumulate(np.where(is_known, place, 0))
    after = np.minimum.accumulate(np.where(is_known, place, len(times) - 1)[::-1])[::-1]
    has_before = is_known[before] & (user[before] == user)
    has_after = is_known[after] & (user[after] == user)
    step = np.where(has_before & has_after, times[after] - times[before], after - before)
    step = step / np.maximum(after - before, 1)
    late = np.where(has_before, times[before] + step * (place - before), np.nan)
    return np.where(has_before, late, np.where(has_after, times[after] - (after - place), np.nan))


def _keys(users: Ints, items: Ints) -> Ints:
    return users * _SHIFT + items


def _ids(events: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return the ids of users and items as numbers, -1 for a bad one."""
    user, item = (
        pd.to_numeric(events[name], "coerce").fillna(-1).to_numpy().astype(np.int64)
        for name in ("user_id", "movie_id")
    )
    return user, item


def _table(path: pathlib.Path) -> Ints:
    frame = TableSource(path, delimiter=" ", columns=("first", "second")).read().frame
    return frame.to_numpy().astype(np.int64)


def _original_ids(path: pathlib.Path) -> Ints:
    """Return an array that maps new ids to MovieLens ids."""
    table = _table(path)
    ids = np.zeros(table[:, 0].max() + 1, np.int64)
    ids[table[:, 0]] = table[:, 1]
    return ids
