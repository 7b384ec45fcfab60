"""The items that held-out ones are ranked among, where that is not the whole catalogue."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from recommenders_tf.data.digests import check_unchanged
from recommenders_tf.evaluation.protocol import Candidates
from recommenders_tf.evaluation.questions import Ints, Questions
from recommenders_tf.serving_tables import UNKNOWN_ROW, ServingTables


def candidate_rows(
    candidates: Candidates, questions: Questions, tables: ServingTables, block_size: int
) -> Iterator[Ints | None]:
    """Yield the item rows that each block of users is asked to put in order with the relevant ones.

    Args:
        candidates: Which ones.
        questions: The users.
        tables: Users and items, and the training events.
        block_size: Users at a time; what is drawn does not depend on it.

    Yields:
        int64 `[block, candidates]`, `UNKNOWN_ROW` where a user has fewer; None stands for all.

    Raises:
        ValueError: A file has changed, lacks a user or names an item that is not in the catalogue.
    """
    blocks = [slice(s, s + block_size) for s in range(0, len(questions), block_size)]
    if candidates.kind == "all":
        yield from (None for _ in blocks)
    elif candidates.kind == "file":
        owners, rows = _read(candidates, questions, tables)
        for block in blocks:
            first, last = np.searchsorted(owners, [block.start, block.stop])
            size = min(block.stop, len(questions)) - block.start
            yield _padded(owners[first:last] - block.start, rows[first:last], size)
    else:
        random = np.random.default_rng(candidates.seed)
        weights = np.ones(tables.items.size, np.float32)
        if candidates.kind == "popularity":
            weights = training_counts(tables).astype(np.float32)
        weights[UNKNOWN_ROW] = 0
        for block in blocks:
            size = len(questions.users[block])
            owners, items = map(
                np.concatenate, zip(questions.seen(block), questions.relevant(block), strict=True)
            )
            yield draw_unmet(random, weights, size, candidates.number, (owners, items))


def draw_unmet(
    random: np.random.Generator,
    weights: npt.NDArray[np.float32],
    users: int,
    number: int,
    met: tuple[Ints, Ints],
) -> Ints:
    """Draw items without replacement that the users have not met, in proportion to weights.

    The time until an event of rate w is exponential; the first ones of independent events are a
    draw without replacement in proportion to w.

    Args:
        random: Source of the draw.
        weights: Of each item, 0 for one that is not to be drawn `[items]`.
        users: Number of users.
        number: Items to draw for each.
        met: Users, from 0, and items, by pair.

    Returns:
        int64 `[users, number]`, `UNKNOWN_ROW` where fewer are left.

    References:
        Efraimidis, Spirakis: Weighted random sampling with a reservoir, 2006.

    Example:
        >>> drawn = draw_unmet(np.random.default_rng(0), np.array([0, 1, 1, 1, 2], np.float32),
        ...     users=1, number=3, met=(np.array([0]), np.array([3])))
        >>> sorted(drawn[0].tolist())
        [1, 2, 4]
    """
    times = random.standard_exponential((users, len(weights)), np.float32)
    drawable = weights > 0
    times = np.where(drawable, times / np.where(drawable, weights, 1), np.inf)
    times[met] = np.inf
    number = min(number, len(weights))
    first = np.argpartition(times, number - 1, axis=1)[:, :number]
    return np.where(np.isinf(np.take_along_axis(times, first, axis=1)), UNKNOWN_ROW, first)


def training_counts(tables: ServingTables) -> Ints:
    """Return the number of training events of each item row, 0 for the unknown one."""
    column = tables.events[tables.schema.item_id.name]
    rows = np.maximum(tables.items.index.get_indexer(column), UNKNOWN_ROW)
    counts = np.bincount(rows, minlength=tables.items.size)
    counts[UNKNOWN_ROW] = 0
    return counts


def _read(candidates: Candidates, questions: Questions, tables: ServingTables) -> tuple[Ints, Ints]:
    """Return users, as positions that rise, and item rows, by pair of the file."""
    assert candidates.file is not None
    check_unchanged(candidates.file, candidates.digest)
    path, schema = pathlib.Path(candidates.file), tables.schema
    names = [schema.user_id.name, schema.item_id.name]
    is_parquet = path.suffix == ".parquet"
    frame = pd.read_parquet(path) if is_parquet else pd.read_csv(path, dtype=str)
    for name in names:
        if name not in frame:
            raise ValueError(
                f"`{path}` lacks the column `{name}`; it has {', '.join(map(str, frame.columns))}."
            )
    frame = frame[names].astype(str).drop_duplicates(ignore_index=True)
    owners = pd.Index(questions.users).get_indexer(pd.Index(frame[names[0]]))
    rows = tables.items.index.get_indexer(pd.Index(frame[names[1]]))
    if (rows <= UNKNOWN_ROW).any():
        item = frame[names[1]][int(np.argmax(rows <= UNKNOWN_ROW))]
        raise ValueError(
            f"`{path}` names item `{item}`, which is not in the catalogue; leave it out."
        )
    missing = np.bincount(owners[owners >= 0], minlength=len(questions)) == 0
    if missing.any():
        raise ValueError(
            f"`{path}` names no candidates for user `{questions.users[int(np.argmax(missing))]}`, "
            "who has held-out events; name some for each."
        )
    order = np.argsort(owners, kind="stable")
    order = order[owners[order] >= 0]
    return owners[order], rows[order].astype(np.int64)


def _padded(owners: Ints, rows: Ints, users: int) -> Ints:
    """Return the rows of each user side by side, `UNKNOWN_ROW` after the last."""
    counts = np.bincount(owners, minlength=users)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = np.full((users, counts.max(initial=1)), UNKNOWN_ROW, np.int64)
    padded[owners, within] = rows
    return padded
