"""How encoded columns lie in memory: those of one type side by side, one gather for all."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from recommenders_tf.data.columns import Lists, column_spec
from recommenders_tf.schema import FeatureSchema, Kind

ALIGNMENT = 64
"""Bytes; TensorFlow computes on memory that begins at a multiple of it."""
_CHUNK = 10
"""Values in a piece of a list, at most: fewer copies than values, and little room left empty."""


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
class ChunkedLists:
    """Lists in pieces of one width, zeros behind their end: a gather takes whole pieces.

    Args:
        chunks: `[pieces, width]`; the first is all zeros, for what lies behind a list.
        spans: Of each row its first piece and the length of its list, int64 `[rows, 2]`.
    """

    chunks: np.ndarray
    spans: np.ndarray


@dataclasses.dataclass(frozen=True)
class ColumnStore:
    """The columns of a data set: blocks of those of fixed width, and lists by name."""

    blocks: tuple[Block, ...]
    lists: dict[str, ChunkedLists]

    def __len__(self) -> int:
        return len(self.blocks[0].rows)


def packed(arrays: Mapping[str, np.ndarray | Lists], schema: FeatureSchema) -> ColumnStore:
    """Return the columns copied side by side, lists cut to their `max_length`."""
    by_type: dict[np.dtype, dict[str, np.ndarray]] = {}
    lists, spec = {}, column_spec(schema)
    for name, array in arrays.items():
        if isinstance(array, Lists):
            column = schema.columns.get(name)
            latest = column is not None and column.kind is Kind.SEQUENCE
            lists[name] = _chunked(array, spec[name].shape[1], latest)
        else:
            by_type.setdefault(array.dtype, {})[name] = array
    return ColumnStore(tuple(map(_block, by_type.values())), lists)


def num_chunks(max_length: int) -> int:
    """Return how many pieces a list of full length has."""
    return -(-max_length // _CHUNK)


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


def _chunked(lists: Lists, max_length: int, latest: bool) -> ChunkedLists:
    """Return lists in pieces; of those that are too long the latest values, or the first."""
    begin, end = lists.offsets[:-1].astype(np.int64), lists.offsets[1:]
    lengths = np.minimum(end - begin, max_length)
    if latest:
        begin = end - lengths
    width = -(-max_length // num_chunks(max_length))
    counts = -(-lengths // width)
    first = 1 + np.cumsum(counts) - counts
    chunks = aligned((1 + counts.sum(), width), lists.values.dtype)
    chunks[...] = 0
    # Of every value that is kept, where it stands and where it goes.
    total, before = lengths.sum(), np.cumsum(lengths) - lengths
    source = np.repeat(begin - before, lengths) + np.arange(total)
    target = np.repeat(first * width - before, lengths) + np.arange(total)
    chunks.reshape(-1)[target] = lists.values[source]
    spans = aligned((len(first), 2), np.dtype(np.int64))
    spans[:, 0], spans[:, 1] = first, lengths
    return ChunkedLists(chunks, spans)
