"""What the machine allows, whatever runs on it: products, memory in order, rows at random."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.case import BATCH
from benchmarks.speed.memory import best_seconds, gather_rate, stream_rates, update_rate
from benchmarks.speed.processes import Worker
from benchmarks.speed.products import product_rates
from benchmarks.speed.results import row
from benchmarks.speed.shapes import Dense, mlp

_WIDTHS = (416, 256, 128, 64)
_IDS = 500_000


def run(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the limits for one thread and for all."""
    rows = 10_000 if quick else 1_000_000
    for threads in sorted({1, os.cpu_count() or 1}):
        with Worker("limits", threads) as worker:
            products = worker.ask("products", batch=64 if quick else BATCH)
            for dtype, rates in products.items():
                yield row(
                    f"matrix products of an MLP {'-'.join(map(str, _WIDTHS))}, {dtype}",
                    "GFLOP/s",
                    ours=rates["tensorflow"],
                    peer="NumPy" if dtype == "float32" else "float32",
                    peer_value=rates["peer"],
                    limit=rates["square"],
                    threads=threads,
                )
            for name, rate in worker.ask("streams").items():
                yield row(f"memory, {name}", "GB/s", limit=rate, threads=threads)
            for width in (64, 16):
                rates = worker.ask("random_rows", rows=rows, width=width)
                yield row(
                    f"gather of {width}-float rows out of {rows:,}",
                    "million rows/s",
                    ours=rates["gather"],
                    peer="NumPy take",
                    peer_value=rates["take"],
                    limit=rates["gather_limit"],
                    threads=threads,
                )
                yield row(
                    f"update of {width}-float rows out of {rows:,}",
                    "million rows/s",
                    peer="TensorFlow scatter_sub",
                    peer_value=rates["scatter_sub"],
                    limit=rates["update_limit"],
                    threads=threads,
                )


def start() -> Limits:
    return Limits()


class Limits:
    """Measures in a process that has its threads set."""

    def __init__(self) -> None:
        self._threads = tf.config.threading.get_intra_op_parallelism_threads()

    def products(self, batch: int) -> dict[str, dict[str, float]]:
        """Return GFLOP/s at the shapes of an MLP, of a peer, and of a large square product."""
        layers, square = mlp(batch, _WIDTHS), [Dense(2048, 2048, 2048)]
        rates: dict[str, dict[str, float]] = {}
        for dtype in ("float32", "bfloat16"):
            own = product_rates(layers, dtype)
            peer = own["numpy"] if dtype == "float32" else rates["float32"]["tensorflow"] * 1e9
            rates[dtype] = {
                "tensorflow": own["tensorflow"] / 1e9,
                "peer": peer / 1e9,
                "square": product_rates(square, dtype)["best"] / 1e9,
            }
        return rates

    def streams(self) -> dict[str, float]:
        """Return GB/s."""
        return {name: rate / 1e9 for name, rate in stream_rates(self._threads).items()}

    def random_rows(self, rows: int, width: int) -> dict[str, float]:
        """Return millions of rows a second, of C and of the ops of TensorFlow and NumPy."""
        ids = np.random.default_rng(0).integers(0, rows, _IDS)
        table = np.ones([rows, width], np.float32)
        rates = {
            "gather_limit": gather_rate(table, ids, self._threads),
            "update_limit": update_rate(table, ids, self._threads),
            "take": _IDS / best_seconds(lambda: table.take(ids, axis=0)),
        }
        variable, values = tf.Variable(table), tf.ones([_IDS, width])
        index = tf.constant(ids)
        slices = tf.IndexedSlices(values, index, variable.shape)
        rates["gather"] = _IDS / best_seconds(lambda: tf.gather(variable, index))
        rates["scatter_sub"] = _IDS / best_seconds(lambda: variable.scatter_sub(slices))
        return {name: rate / 1e6 for name, rate in rates.items()}
