"""What the memory allows, measured by a C program that is compiled here and now."""

from __future__ import annotations

import ctypes
import functools
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

_SOURCE = pathlib.Path(__file__).with_name("random_rows.c")
_STREAM_FLOATS = 100_000_000  # 400 MB: past any cache


def best_seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """Return the least wall time of a piece of work: what it takes when nothing disturbs it."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def gather_rate(table: np.ndarray, ids: np.ndarray, threads: int) -> float:
    """Return how many rows a second can be read at the places that `ids` names.

    Args:
        table: float32 `[rows, width]`.
        ids: int64 `[count]`.
        threads: Threads that share the ids.
    """
    rows = np.ones([len(ids), table.shape[1]], np.float32)
    sizes = ctypes.c_long(len(ids)), ctypes.c_long(table.shape[1]), ctypes.c_int(threads)
    pointers = _pointer(table), _pointer(ids), _pointer(rows)
    return len(ids) / best_seconds(lambda: _library().gather(*pointers, *sizes))


def update_rate(table: np.ndarray, ids: np.ndarray, threads: int) -> float:
    """Return how many rows a second can be read, changed and written; see `update_loop`."""
    return len(ids) / best_seconds(update_loop(table, ids, threads))


def update_loop(
    table: np.ndarray, ids: np.ndarray, threads: int, copies: int = 1
) -> Callable[[], None]:
    """Return what reads, changes and writes rows once.

    Args:
        table: float32 `[rows, width]`; its values change.
        ids: int64 `[count]`.
        threads: Threads that share the ids.
        copies: How many times as wide as its gradient a row is: 2 where it holds an accumulator.
    """
    width = table.shape[1] // copies
    gradients = np.ones([len(ids), width], np.float32)
    sizes = [ctypes.c_long(size) for size in (len(ids), width, copies)]

    def update() -> None:
        arrays = _pointer(table), _pointer(ids), _pointer(gradients)
        _library().update(*arrays, *sizes, ctypes.c_int(threads))

    return update


def stream_rates(threads: int) -> dict[str, float]:
    """Return bytes a second of reading memory in order, and of copying it, both ways counted."""
    values, target = np.ones(_STREAM_FLOATS, np.float32), np.zeros(_STREAM_FLOATS, np.float32)
    count = ctypes.c_long(len(values)), ctypes.c_int(threads)
    read = best_seconds(lambda: _library().sum(_pointer(values), *count))
    copied = best_seconds(lambda: _library().copy(_pointer(values), _pointer(target), *count))
    return {"read": values.nbytes / read, "copy": 2 * values.nbytes / copied}


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


@functools.cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "random_rows.so"
        # Sums may be taken in any order. Not -ffast-math: a library that is linked with it has the
        # whole process take small numbers for zero.
        order = ["-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"]
        options = ["-O3", "-march=native", *order, "-fopenmp", "-shared", "-fPIC"]
        subprocess.run(["gcc", *options, str(_SOURCE), "-o", str(path)], check=True)
        library = ctypes.CDLL(str(path))
    library.sum.restype = ctypes.c_float
    return library
