"""Arrays as JSON text, on one line or with every value on its own.

orjson writes a whole array of numbers; the layout comes from replacing the commas in its text.
Strings take the places of the zeros in the text of an array of zeros. A float is written with the
fewest digits that give the same number of its precision again, with `.0` if it is whole; NaN and
the infinities are written by name.
"""

import base64
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import orjson


class Text(NamedTuple):
    """The text of an array.

    Args:
        layout: the text, with `%b` in the place of each string and no other per cent sign.
        strings: the text of the strings.
    """

    layout: bytes
    strings: list[bytes]

    def join(self) -> bytes:
        """The text with its strings."""
        return self.layout % tuple(self.strings)


def write_line(array: np.ndarray, as_bytes: bool, depth: int) -> Text:
    """Writes an array on one line.

    Args:
        array: numbers, or an object array of bytes.
        as_bytes: write strings as `{"b64": "..."}`.
        depth: how many levels the first value is indented by; an object takes several lines.

    Returns:
        The text.

    Example:
        >>> write_line(np.float32([[0.1, 2]]), as_bytes=False, depth=0).join()
        b'[[0.1, 2.0]]'
    """
    text = _write_compact(array).replace(b",", b", ")
    return _put_strings(text, array, as_bytes, depth)


def write_block(array: np.ndarray, as_bytes: bool, depth: int) -> bytes:
    """Writes an array with every value on a line, indented by four spaces a level.

    Args:
        array: numbers, or an object array of bytes.
        as_bytes: write strings as `{"b64": "..."}`.
        depth: how many levels the line is indented by in which the text begins.

    Returns:
        The text.

    Example:
        >>> print(write_block(np.int32([[1, 2]]), as_bytes=False, depth=0).decode())
        [
            [
                1,
                2
            ]
        ]
    """
    text = _write_compact(array)
    rank = array.ndim
    if array.size and rank:
        inner = text[rank:-rank]
        for closed in range(rank - 1, 0, -1):
            # The brackets give way to a mark until the commas between values are replaced.
            brackets = b"]" * closed + b"," + b"[" * closed
            inner = inner.replace(brackets, b"<%d>" % closed)
        inner = inner.replace(b",", b"," + indent(depth + rank))
        for closed in range(1, rank):
            brackets = _close(depth, rank, closed) + b"," + _open(depth, rank, closed)
            inner = inner.replace(b"<%d>" % closed, brackets)
        text = _open(depth, rank, rank).lstrip() + inner + _close(depth, rank, rank)
    elif rank:
        text = json.dumps(array.tolist(), indent=4).encode().replace(b"\n", indent(depth))
    return _put_strings(text, array, as_bytes, depth + rank).join()


def split_rows(text: bytes, array: np.ndarray) -> Sequence[bytes]:
    """Splits the line of an array into those of its rows.

    Example:
        >>> split_rows(b"[[1, 2], [3, 4]]", np.zeros([2, 2]))
        [b'[1, 2]', b'[3, 4]']
    """
    count, rank = len(array), array.ndim
    if not array.size:  # All rows are the same.
        return [text[1 : len(text) // max(count, 1) - 1]] * count
    before, after = b"[" * (rank - 1), b"]" * (rank - 1)
    rows = text[rank:-rank].split(after + b", " + before)
    return [before + row + after for row in rows]


def write_strings(values: Sequence[bytes]) -> list[bytes]:
    r"""Writes strings, each alone; bytes that are not UTF-8 stay as they are.

    Example:
        >>> write_strings([b'a "b"', b""])
        [b'"a \\"b\\""', b'""']
    """
    try:
        text = orjson.dumps(list(map(bytes.decode, values)), option=orjson.OPT_INDENT_2)
    except UnicodeDecodeError:
        return [
            json.dumps(value.decode("utf-8", "surrogateescape"), ensure_ascii=False).encode(
                "utf-8", "surrogateescape"
            )
            for value in values
        ]
    # Inside a string the end of a line is written as two letters.
    return text[len(b"[\n  ") : -len(b"\n]")].split(b",\n  ") if values else []


def write_floats(values: Sequence[float]) -> list[bytes]:
    """Writes numbers of 32 bits, each alone.

    Example:
        >>> write_floats([0.2, 1, float("nan")])
        [b'0.2', b'1.0', b'NaN']
    """
    return _write_compact(np.array(values, np.float32))[1:-1].split(b",")


def indent(depth: int) -> bytes:
    """The end of a line and the spaces before the next one's text."""
    return b"\n" + b"    " * depth


def _open(depth: int, rank: int, count: int) -> bytes:
    """The opening brackets of the innermost `count` dimensions, each on a new line."""
    levels = range(depth + rank - count, depth + rank)
    return b"".join(indent(level) + b"[" for level in levels) + indent(depth + rank)


def _close(depth: int, rank: int, count: int) -> bytes:
    levels = range(depth + rank - count, depth + rank)
    return b"".join(indent(level) + b"]" for level in reversed(levels))


def _write_compact(array: np.ndarray) -> bytes:
    """Writes an array without spaces, `0` in the place of each string."""
    if array.dtype == object:
        array = np.zeros(array.shape, np.uint8)
    if not array.ndim:
        return _write_compact(array.reshape(1))[1:-1]
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        others = array[~finite]
        names = np.where(np.isnan(others), "NaN", np.where(others > 0, "Infinity", "-Infinity"))
        text = text.replace(b"null", b"%b") % tuple(map(str.encode, names.tolist()))
    return text


def _put_strings(text: bytes, array: np.ndarray, as_bytes: bool, depth: int) -> Text:
    if array.dtype != object:
        return Text(text, [])
    values = array.ravel().tolist()
    if as_bytes:
        before = b"{" + indent(depth + 1) + b'"b64": "'
        after = b'"' + indent(depth) + b"}"
        strings = [before + base64.b64encode(value) + after for value in values]
    else:
        strings = write_strings(values)
    return Text(text.replace(b"0", b"%b"), strings)
