"""Which events of a log are test: chosen in time, at random, by user, or as a file says."""

from __future__ import annotations

import pathlib

import numpy as np
import numpy.typing as npt
import pandas as pd

Mask = npt.NDArray[np.bool_]


def last_events(users: npt.ArrayLike, times: npt.ArrayLike) -> Mask:
    """Return which events are the last of a user with more than one.

    Args:
        users: Integer user codes `[events]`.
        times: Times `[events]`; row order decides between equal ones.

    Example:
        >>> last_events([0, 1, 0, 2], [10, 10, 10, 10]).tolist()
        [False, False, True, False]
    """
    codes = np.asarray(users)
    order = np.lexsort((np.asarray(times), codes))
    counts = np.bincount(codes)
    is_last = np.zeros(len(codes), bool)
    is_last[order[np.cumsum(counts)[counts > 1] - 1]] = True
    return is_last


def later_events(times: npt.ArrayLike, share: float, at: int | None = None) -> Mask:
    """Return which events are at a cut in time or after it.

    Args:
        times: Times `[events]`.
        share: Of the events that are to be after the cut; those at the time of the cut may make
            it larger.
        at: The cut itself, in place of `share`.

    Example:
        >>> later_events([5, 1, 4, 2], share=0.5).tolist()
        [True, False, True, False]
    """
    times = np.asarray(times)
    if at is None and len(times):
        at = int(np.sort(times)[int(len(times) * (1 - share))])
    return times >= (at or 0)


def random_share(users: npt.ArrayLike, share: float, seed: int, least: int = 0) -> Mask:
    """Draw a share of the events of each user, and leave at least one undrawn.

    Args:
        users: Integer user codes `[events]`.
        share: Of the events of a user, rounded to the nearest number, halves up.
        seed: Of the draw.
        least: Events to draw of every user that has more.

    Example:
        >>> drawn = random_share([0, 0, 0, 0, 1], 0.25, seed=0)
        >>> drawn[:4].sum(), drawn[4]
        (1, False)
    """
    codes = np.asarray(users)
    counts = np.bincount(codes)
    wanted = np.minimum(np.maximum(np.floor(counts * share + 0.5), least), counts - 1)
    order = np.lexsort((np.random.default_rng(seed).random(len(codes)), codes))
    within = np.arange(len(codes)) - (np.cumsum(counts) - counts)[codes[order]]
    drawn = np.zeros(len(codes), bool)
    drawn[order] = within < wanted[codes[order]]
    return drawn


def held_out_users(users: npt.ArrayLike, share: float, seed: int) -> Mask:
    """Draw a share of the users who have more than one event, and return which events are theirs.

    Args:
        users: Integer user codes `[events]`.
        share: Of all users, rounded to the nearest number, halves up.
        seed: Of the draw.

    Example:
        >>> held_out_users([0, 1, 0, 1, 2], share=0.34, seed=1).sum()
        2
    """
    codes = np.asarray(users)
    counts = np.bincount(codes)
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(counts > 1))
    held_out = np.zeros(len(counts), bool)
    held_out[chosen[: int(np.count_nonzero(counts) * share + 0.5)]] = True
    return held_out[codes]


def read_folds(path: str | pathlib.Path, events: int) -> npt.NDArray[np.object_]:
    """Return the fold of each event, as a file says.

    Args:
        path: CSV or Parquet file with the columns `row`, from 0, and `fold`.
        events: Number of events, each of which must have a fold.

    Raises:
        ValueError: A column or a row is missing, named twice, or is no event's.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"`folds` is {str(path)!r}, neither a column of the events nor a file.")
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    for name in ("row", "fold"):
        if name not in frame:
            raise ValueError(
                f"`{path}` lacks the column `{name}`; it has {', '.join(map(str, frame.columns))}."
            )
    named = np.bincount(frame["row"][frame["row"].between(0, events - 1)], minlength=events)
    if len(frame) != events or (named != 1).any():
        row = int(np.argmax(named != 1))
        raise ValueError(
            f"`{path}` has {len(frame):,} rows for {events:,} events, and names row {row} "
            f"{named[row]} times; it must name each row of the events once."
        )
    folds = np.empty(events, object)
    folds[frame["row"]] = frame["fold"].astype(str)
    return folds


def k_core(users: npt.ArrayLike, items: npt.ArrayLike, per_user: int, per_item: int) -> Mask:
    """Return which events are left once rare users and items are gone, and those that then are.

    Args:
        users: Integer user codes `[events]`.
        items: Integer item codes `[events]`.
        per_user: Fewest events of a user.
        per_item: Fewest events of an item.

    Example:
        >>> k_core([0, 0, 1, 1, 2], [0, 1, 0, 1, 1], per_user=2, per_item=2).tolist()
        [True, True, True, True, False]
    """
    kept = np.arange(len(np.asarray(users)))
    while True:
        of_user, of_item = np.asarray(users)[kept], np.asarray(items)[kept]
        enough = np.bincount(of_user)[of_user] >= per_user
        enough &= np.bincount(of_item)[of_item] >= per_item
        if enough.all():
            break
        kept = kept[enough]
    mask = np.zeros(len(np.asarray(users)), bool)
    mask[kept] = True
    return mask
