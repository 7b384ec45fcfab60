"""Lists of different lengths into rows of one length, with next to nothing left empty."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def pack(lengths: npt.ArrayLike, capacity: int) -> tuple[Ints, Ints]:
    """Find a row and a place in it for each list, so that rows are full or nearly so.

    A row takes the longest list that is left, then the longest that still fits, and so on. All
    rows that the same lengths can fill are filled at once, so the time grows with `capacity` and
    hardly with the number of lists.

    Args:
        lengths: Of each list, from 1 to `capacity`, int64 `[lists]`.
        capacity: Of a row.

    Returns:
        Row of each list and where in the row it begins, int64 `[lists]`.

    Raises:
        ValueError: A list is empty or longer than a row.

    Example:
        >>> rows, places = pack([3, 5, 2, 4], capacity=5)
        >>> rows.tolist(), places.tolist()
        ([2, 0, 2, 1], [0, 0, 3, 0])

    References:
        Krell et al.: Efficient Sequence Packing without Cross-contamination, 2021,
        arXiv:2107.02027: packing by the histogram of lengths.
    """
    lengths = np.asarray(lengths, np.int64)
    if len(lengths) and not (lengths.min() > 0 and lengths.max() <= capacity):
        raise ValueError(
            f"Lists of 1 to {capacity} can be packed; the shortest has {lengths.min()} and the "
            f"longest {lengths.max()}."
        )
    by_length = np.argsort(lengths, kind="stable")
    left = np.bincount(lengths, minlength=capacity + 1)
    first = np.cumsum(left) - left  # of the lists of each length that have no row yet
    rows, places = np.zeros_like(lengths), np.zeros_like(lengths)
    used = 0
    while left.any():
        pattern = _fill(left, capacity)
        repeats = min(left[length] // times for length, times in pattern)
        place = 0
        for length, times in pattern:
            count = repeats * times
            lists = by_length[first[length] : first[length] + count].reshape(repeats, times)
            rows[lists] = used + np.arange(repeats)[:, np.newaxis]
            places[lists] = place + length * np.arange(times)
            first[length] += count
            left[length] -= count
            place += length * times
        used += repeats
    return rows, places


def _fill(left: Ints, capacity: int) -> list[tuple[int, int]]:
    """Return the lengths that fill a row, longest first, and how often each is taken."""
    pattern = []
    room = capacity
    for length in np.flatnonzero(left)[::-1].tolist():
        if times := min(room // length, int(left[length])):
            pattern.append((length, times))
            room -= times * length
    return pattern
