"""What a contender is asked for: queries a second and recall, at a setting and a size of batch."""

from __future__ import annotations

import abc
import time
from typing import Any

import numpy as np

from benchmarks.retrieval.planted import K, Planted
from benchmarks.speed.usage import Stopwatch

_SECONDS, _PASSES = 0.5, 3
_MOST_SINGLE = 256
"""Queries that are asked one at a time."""


class Session(abc.ABC):
    """A contender in a process of its own; runs in the environments of peers too.

    Args:
        planted: Arguments of `Planted`.
        build: What it builds; see the contender.
    """

    def __init__(self, planted: dict[str, Any], build: dict[str, Any]) -> None:
        self.planted = Planted(**planted)
        self.queries, self._truth = self.planted.read("queries"), self.planted.read("truth")
        start = time.perf_counter()
        self.ready(build)
        self._seconds = time.perf_counter() - start

    @abc.abstractmethod
    def ready(self, build: dict[str, Any]) -> None:
        """Build the index, or read one that was built before."""

    @abc.abstractmethod
    def tune(self, setting: int) -> None:
        """Set how much of the index a query looks at."""

    @abc.abstractmethod
    def search(self, queries: np.ndarray) -> np.ndarray:
        """Return the rows of the K best, `[queries, K]`."""

    @abc.abstractmethod
    def version(self) -> str:
        """Return name and version of the library."""

    def about(self) -> dict[str, Any]:
        """Return what it is, and the seconds until it was ready."""
        return {"library": self.version(), "ready_seconds": self._seconds}

    def measure(self, setting: int, batch: int) -> dict[str, Any]:
        """Return recall, queries a second, and the usage of the processors meanwhile."""
        self.tune(setting)
        queries = self.queries[:_MOST_SINGLE] if batch == 1 else self.queries
        blocks = [queries[start : start + batch] for start in range(0, len(queries), batch)]
        found = np.concatenate([self.search(block) for block in blocks])  # warms up as well
        hits = (found[:, :, np.newaxis] == self._truth[: len(found), np.newaxis]).any(axis=2)
        rates, watch, start = [], Stopwatch(), time.perf_counter()
        while len(rates) < _PASSES or time.perf_counter() - start < _SECONDS:
            begin = time.perf_counter()
            for block in blocks:
                self.search(block)
            rates.append(len(queries) / (time.perf_counter() - begin))
        usage = watch.stop()
        return {
            "recall": float(hits.sum() / (K * len(found))),
            "qps": float(np.median(rates)),
            "qps_by_cpu": len(queries) * len(rates) / usage["cpu"],
            "others": usage["others"] / usage["seconds"],
        }
