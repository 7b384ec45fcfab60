"""How encoded columns lie in memory: those of one type side by side, one gather for all."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from recommenders_tf.data.columns import Lists

ALIGNMENT = 64
"""Bytes; TensorFlow computes on memory that begins at a multiple of it."""


@dataclasses.dataclass(frozen=True)
class Block:
    """Columns of one type side by side.

    Args:
        widths: How many values each column has in a row, by name in their order.
        rows: `[rows, sum of widths]`.
    """

    widths: dict[str, int]
    rows: np.ndarray


@dataclasses.dataclass(frozen=True)
class ColumnStore:
    """The columns of a data set: blocks of those of fixed width, and lists by name."""

    blocks: tuple[Block, ...]
    lists: dict[str, Lists]

    def __len__(self) -> int:
        return len(self.blocks[0].rows)


def packed(arrays: Mapping[str, np.ndarray | Lists]) -> ColumnStore:
    """Return the columns copied side by side."""
    by_type: dict[np.dtype, dict[str, np.ndarray]] = {}
    lists = {}
    for name, array in arrays.items():
        if isinstance(array, Lists):
            lists[name] = array
        else:
            by_type.setdefault(array.dtype, {})[name] = array
    return ColumnStore(tuple(map(_block, by_type.values())), lists)


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array for anything to be written to, where TensorFlow can use it as it is."""
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)


def _block(arrays: dict[str, np.ndarray]) -> Block:
    widths = {name: math.prod(array.shape[1:]) for name, array in arrays.items()}
    first = next(iter(arrays.values()))
    rows = aligned((len(first), sum(widths.values())), first.dtype)
    start = 0
    for name, array in arrays.items():
        rows[:, start : start + widths[name]] = array.reshape(len(array), widths[name])
        start += widths[name]
    return Block(widths, rows)
