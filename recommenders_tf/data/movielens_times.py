"""Times for the events of a MovieLens 1M copy in which some are missing."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.data.sources import TableSource

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
    wanted = _keys(events["user_id"].to_numpy()[missing], events["movie_id"].to_numpy()[missing])
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = keys[place] == wanted
    filled = events["timestamp"].to_numpy(dtype=object, copy=True)
    filled[missing[found]] = times[place[found]].astype(str)
    return events.assign(timestamp=filled)


@functools.lru_cache(maxsize=1)
def _estimates(
    ratings: pathlib.Path, order: pathlib.Path
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the sorted keys of the events that the order has, and a time for each.

    Between two known times of a user the missing ones are spread evenly; before the first and
    after the last known one they are a second apart, so that the order holds.
    """
    sequence = _table(order)
    users = _original_ids(order.with_name(order.name.replace("ml-1m", "sas_to_original_users")))
    items = _original_ids(order.with_name(order.name.replace("ml-1m", "sas_to_original_items")))
    user, item = users[sequence[:, 0]], items[sequence[:, 1]]
    known = TableSource(ratings).read().frame
    known = known[(known["timestamp"] != "")]
    known_times = pd.Series(
        known["timestamp"].to_numpy().astype(np.int64),
        _keys(known["user_id"].to_numpy(), known["movie_id"].to_numpy()),
    )
    keys = _keys(user, item)
    times = known_times.reindex(keys).to_numpy()
    # A user's places are far from the next user's, so interpolation never crosses from one to the
    # other once each user has a known time just outside either end.
    place = np.arange(len(times))
    frame = pd.DataFrame({"user": user, "place": place, "time": times}).dropna()
    ends = frame.groupby("user").agg(["first", "last"])
    first = ends.reindex(user)
    before = place < first[("place", "first")].to_numpy()
    after = place > first[("place", "last")].to_numpy()
    times = np.where(before, first[("time", "first")] - (first[("place", "first")] - place), times)
    times = np.where(after, first[("time", "last")] + (place - first[("place", "last")]), times)
    gap = np.isnan(times)
    times[gap] = np.interp(place[gap], place[~gap], times[~gap])
    sort = np.argsort(keys)
    return keys[sort], times[sort].astype(np.int64)


def _keys(users: npt.NDArray, items: npt.NDArray) -> npt.NDArray[np.int64]:
    return users.astype(np.int64) * _SHIFT + items.astype(np.int64)


def _table(path: pathlib.Path) -> npt.NDArray[np.int64]:
    frame = TableSource(path, delimiter=" ", columns=("first", "second")).read().frame
    return frame.to_numpy().astype(np.int64)


def _original_ids(path: pathlib.Path) -> npt.NDArray[np.int64]:
    """Return an array that maps new ids to MovieLens ids."""
    table = _table(path)
    ids = np.zeros(table[:, 0].max() + 1, np.int64)
    ids[table[:, 0]] = table[:, 1]
    return ids
