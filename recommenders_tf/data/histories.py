"""Point-in-time histories: what a user had done strictly before each event."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class LeakError(ValueError):
    """A history holds an event that had not happened yet.

    Example:
        >>> try:
        ...     check_point_in_time(["ann"], [10], history_times=[9, 10], splits=[0, 2])
        ... except LeakError as error:
        ...     print(str(error)[:47])
        The history of user `ann` for the event at time
    """


@dataclasses.dataclass(frozen=True)
class HistorySpans:
    """For each event a span of the past, in one array that all events share.

    With `values = column[order]`, the history of event `i` is `values[start[i]:end[i]]`, the
    oldest value first.

    Args:
        order: int64 [events]. The positions of the events sorted by user and time; of those
            alone that may stand in a history.
        start: int64 [events]. Where each event's history begins in `order`.
        end: int64 [events]. Where it ends.
    """

    order: Ints
    start: Ints
    end: Ints

    def ragged(self) -> tuple[Ints, Ints]:
        """Return all histories laid end to end.

        Returns:
            Positions of events, int64 [total length], and row splits, int64 [events + 1]: the
            history of event `i` is `positions[splits[i]:splits[i + 1]]`.
        """
        lengths = self.end - self.start
        splits = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(splits[-1]) - np.repeat(splits[:-1], lengths)
        return self.order[np.repeat(self.start, lengths) + within], splits


def history_spans(
    users: npt.ArrayLike,
    times: npt.ArrayLike,
    max_length: int | None = None,
    behaves: npt.ArrayLike | None = None,
) -> HistorySpans:
    """Find for each event the latest events of the same user with a time strictly before its own.

    Events of the same second are never in each other's history: which came first is not known.
    Events that are no targets but may serve as history go in with the others; leave out their
    spans.

    Args:
        users: Integer user codes [events].
        times: Integer times [events].
        max_length: Longest history, its latest values kept; None keeps all.
        behaves: Bool [events]: which of them may stand in a history; None lets all.

    Returns:
        The span of each event.

    Raises:
        ValueError: `max_length` is below 1, or there are not as many users as times.

    Example:
        >>> spans = history_spans(users=[7, 7, 7, 9], times=[30, 10, 20, 25])
        >>> items = np.array(["c", "a", "b", "z"])[spans.order]
        >>> [items[i:j].tolist() for i, j in zip(spans.start, spans.end)]
        [['a', 'b'], [], ['a'], []]
    """
    users, times = np.asarray(users, np.int64), np.asarray(times, np.int64)
    if len(users) != len(times):
        raise ValueError(f"Each event has a user and a time. Received: {len(users)}, {len(times)}.")
    if max_length is not None and max_length < 1:
        raise ValueError(f"`max_length` must be at least 1 or None. Received: {max_length}.")
    order = np.lexsort((times, users))
    user_changes = _changes(users[order])
    start = _group_starts(user_changes)
    end = _group_starts(user_changes | _changes(times[order]))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    if behaves is not None:
        kept = np.asarray(behaves, bool)[order]
        before = np.concatenate([[0], np.cumsum(kept)])
        order, start, end = order[kept], before[start], before[end]
    if max_length is not None:
        start = np.maximum(start, end - max_length)
    return HistorySpans(order, start[place], end[place])


def check_point_in_time(
    users: npt.ArrayLike,
    times: npt.ArrayLike,
    history_times: npt.ArrayLike,
    splits: npt.ArrayLike,
) -> None:
    """Make sure that every history entry is older than its event.

    Args:
        users: User of each event [events], as the message shall name it.
        times: Time of each event [events].
        history_times: Times of all history entries, laid end to end.
        splits: Row splits [events + 1]: the entries of event `i` are
            `history_times[splits[i]:splits[i + 1]]`.

    Raises:
        LeakError: An entry is as late as its event or later; the message names the user, the time
            of the event and the time of the entry.

    Example:
        >>> check_point_in_time(["ann", "bob"], [10, 20], [8, 9, 19], splits=[0, 2, 3])
    """
    times, history_times = np.asarray(times), np.asarray(history_times)
    event = np.repeat(np.arange(len(times)), np.diff(np.asarray(splits)))
    leaks = np.flatnonzero(history_times >= times[event])
    if len(leaks):
        where = event[leaks[0]]
        raise LeakError(
            f"The history of user `{np.asarray(users)[where]}` for the event at time "
            f"{times[where]} holds an event of time {history_times[leaks[0]]}, which had not "
            f"happened yet ({len(leaks)} such entries in all): build histories with "
            "`recommenders_tf.data.history_spans`, from the same clock as the events."
        )


def _changes(values: Ints) -> npt.NDArray[np.bool_]:
    """Return where a sorted array's value differs from the one before it."""
    return np.concatenate([np.ones(min(len(values), 1), bool), values[1:] != values[:-1]])


def _group_starts(is_start: npt.NDArray[np.bool_]) -> Ints:
    """Return for each position where its group begins."""
    return np.maximum.accumulate(np.where(is_start, np.arange(len(is_start)), 0))
