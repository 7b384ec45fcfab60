"""How much memory models of the matrix take where users times items would not fit."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from typing import Any

import numpy as np

import recommenders_tf as rtf
from benchmarks.speed.matrix_ours import encoded, event_log
from benchmarks.speed.pairs import Pairs
from benchmarks.speed.processes import Worker
from benchmarks.speed.results import row
from benchmarks.speed.usage import Stopwatch, peak_memory, reset_peak_memory
from recommenders_tf import evaluation

USERS, ITEMS, MET = 1_000_000, 100_000, 8
"""As many as asked for, and the pairs of each user."""
LIMIT = 8 * 2**30
"""Bytes that the process may ask for at all: users times items are 373 GiB of scores."""
_ASKED = 10_000
"""Users who get lists, and whose held-out items are ranked."""
_TASTES = 100

MODELS: dict[str, dict[str, Any]] = {
    "als": {"embedding_dim": 32, "sweeps": 2},
    "item_knn": {"num_neighbours": 50},
}


def run(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for each model: the peak of training, lists and evaluation together."""
    size = {"users": 3_000, "items": 1_000} if quick else {"users": USERS, "items": ITEMS}
    for model in MODELS:
        with Worker("bounded_memory", os.cpu_count() or 1, model=model, **size) as worker:
            found = {name: worker.ask(name) for name in ("fit", "recommend", "evaluate")}
        peaks = {name: step["peak"] / 2**30 for name, step in found.items()}
        yield row(
            f"memory of {model}, {size['users']:,} users x {size['items']:,} items",
            "GiB at most",
            ours=max(peaks.values()),
            threads=os.cpu_count(),
            peaks=peaks,
            seconds={name: step["seconds"] for name, step in found.items()},
            scores=size["users"] * size["items"] * 4 / 2**30,
        )


def start(model: str, users: int, items: int) -> Bounded:
    return Bounded(model, users, items)


class Bounded:
    """One model, in a process that may not have more than `LIMIT`.

    Args:
        model: Registry name.
        users: How many there are.
        items: How many there are.
    """

    def __init__(self, model: str, users: int, items: int) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
        pairs = made_up(users, items)
        self._test = event_log(pairs, pairs.test)
        self._train = encoded(pairs)
        self._users = np.arange(min(users, _ASKED)).astype(str)
        self._model = rtf.registry.get(model)(self._train.schema, **MODELS[model])
        self._model.compile()

    def fit(self) -> dict[str, float]:
        """Train, and return seconds and the peak of memory."""
        return self._measured(lambda: self._model.fit(self._train, verbose=0))

    def recommend(self) -> dict[str, float]:
        """Make lists for some users."""
        return self._measured(lambda: self._model.recommend(self._users))

    def evaluate(self) -> dict[str, float]:
        """Rank the held-out items of some users among all."""
        return self._measured(
            lambda: evaluation.evaluate(self._model, self._test, evaluation.Protocol())
        )

    def _measured(self, work: Any) -> dict[str, float]:
        reset_peak_memory()
        watch = Stopwatch()
        work()
        return {**watch.stop(), "peak": peak_memory()}


def made_up(users: int, items: int) -> Pairs:
    """Return users who meet items of one taste, some held out; popular ones are met more often."""
    random = np.random.default_rng(0)
    tastes = random.integers(_TASTES, size=(users, 1))
    places = random.random((users, MET + 1)) ** 3 * (items // _TASTES)
    met = tastes * (items // _TASTES) + places.astype(np.int64)
    owners = np.broadcast_to(np.arange(users)[:, np.newaxis], met.shape)
    pairs = np.stack([owners, met], axis=2).astype(np.int32)
    return Pairs(pairs[:, :-1].reshape(-1, 2), pairs[:_ASKED, -1], (users, items))
