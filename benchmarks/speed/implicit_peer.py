"""The models of `implicit`; runs in an environment of its own."""

from __future__ import annotations

import os
from typing import Any

import implicit
import numpy as np
import threadpoolctl
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import CosineRecommender

from benchmarks.speed.pairs import K, Pairs
from benchmarks.speed.usage import Stopwatch


def start(model: str, path: str, settings: dict[str, Any]) -> Implicit:
    return Implicit(model, path, settings)


class Implicit:
    """Trains one model again and again.

    Args:
        model: Registry name of ours.
        path: File of the pairs.
        settings: Arguments of ours.
    """

    def __init__(self, model: str, path: str, settings: dict[str, Any]) -> None:
        self._pairs = Pairs.read(path)
        self._make, self._settings = _MODELS[model], settings
        # Its threads call BLAS, whose own would be in their way; it says so itself.
        threadpoolctl.threadpool_limits(1, "blas")

    def fit(self) -> dict[str, float]:
        """Train from the start, and return what it took."""
        watch = Stopwatch()
        self._matrix = self._pairs.matrix()
        self._model = self._make(self._settings, len(os.sched_getaffinity(0)))
        self._model.fit(self._matrix, show_progress=False)
        return watch.stop()

    def lists(self, path: str) -> str:
        """Write the lists of all users, and return the name and version of what made them."""
        users = np.arange(self._pairs.shape[0])
        lists, scores = self._model.recommend(users, self._matrix, N=K)
        # Places that nothing fills have the lowest number there is for their score.
        np.save(path, np.where(scores > np.finfo(np.float32).min, lists, -1))
        return f"implicit {implicit.__version__}"


def _als(settings: dict[str, Any], threads: int) -> AlternatingLeastSquares:
    """Return it with the objective of ours, up to a factor.

    With weights 1 + 1/α₀ for what was met and 1 for all pairs it is ours divided by α₀, but that
    the target of a pair is 1 + α₀ times as large; vectors √(1 + α₀) times as long meet it, and cost
    as much more.
    """
    unobserved = settings["unobserved_weight"]
    return AlternatingLeastSquares(
        factors=settings["embedding_dim"],
        regularization=settings["l2"] * (1 + unobserved) / unobserved,
        alpha=1 + 1 / unobserved,
        iterations=settings["sweeps"],
        num_threads=threads,
    )


def _bpr(settings: dict[str, Any], threads: int) -> BayesianPersonalizedRanking:
    return BayesianPersonalizedRanking(
        factors=settings["embedding_dim"],
        learning_rate=settings["learning_rate"],
        regularization=settings["l2"],
        iterations=settings["epochs"],
        num_threads=threads,
    )


def _item_knn(settings: dict[str, Any], threads: int) -> CosineRecommender:
    # An item counts as the first of its own neighbours.
    return CosineRecommender(K=settings["num_neighbours"] + 1, num_threads=threads)


_MODELS = {"als": _als, "bpr": _bpr, "item_knn": _item_knn}
