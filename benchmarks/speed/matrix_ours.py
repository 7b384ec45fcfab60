"""The models of the matrix of this toolkit, as `matrix` compares them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import recommenders_tf as rtf
from benchmarks.speed.pairs import K, Pairs
from benchmarks.speed.usage import Stopwatch
from recommenders_tf import data, evaluation
from recommenders_tf.data import EncodedLog, EventLog
from recommenders_tf.schema import FeatureSchema

_METRICS = ("HR", "Recall", "Precision", "MRR", "NDCG")
_BATCH = 2**16
"""Pairs a step of BPR, which takes them one by one."""


def start(model: str, path: str, settings: dict[str, Any]) -> Ours:
    return Ours(model, path, settings)


class Ours:
    """Trains one model again and again.

    Args:
        model: Registry name.
        path: File of the pairs.
        settings: Arguments of the model, and `epochs`.
    """

    def __init__(self, model: str, path: str, settings: dict[str, Any]) -> None:
        self._pairs = Pairs.read(path)
        self._train = encoded(self._pairs)
        self._class, self._settings = rtf.registry.get(model), dict(settings)
        self._epochs = self._settings.pop("epochs", 1)

    def fit(self) -> dict[str, float]:
        """Train from the start, and return what it took."""
        watch = Stopwatch()
        self._model = self._class(self._train.schema, **self._settings)
        self._model.compile()
        self._model.fit(self._train, epochs=self._epochs, batch_size=_BATCH, verbose=0)
        return watch.stop()

    def lists(self, path: str) -> str:
        """Write the lists of all users, and return the name and version of what made them."""
        users = np.arange(self._pairs.shape[0]).astype(str)
        frame = self._model.recommend(users, k=K)
        lists = np.full((len(users), K), -1)
        rows = frame["user"].to_numpy(int), frame["rank"].to_numpy() - 1
        lists[rows] = frame["item"].to_numpy(int)
        np.save(path, lists)
        return f"recommenders-tf {rtf.__version__}"

    def load(self, factors: str) -> None:
        """Take factors of users and items in the place of what training would find."""
        model = rtf.models.BPR(self._train.schema, **self._settings)
        model.bind(self._train.tables)
        with np.load(factors) as arrays:
            for name, weight in (("user", model.user_factors), ("item", model.item_factors)):
                table = getattr(self._train.tables, f"{name}s")
                rows = np.zeros(weight.shape, np.float32)
                rows[table.features[name].numpy()[1:]] = arrays[name][table.index[1:].astype(int)]
                weight.assign(rows)
        self._model = model

    def evaluate(self) -> dict[str, float]:
        """Measure the lists of all users over the catalogue, and return what that took."""
        test = event_log(self._pairs, self._pairs.test)
        watch = Stopwatch()
        found = evaluation.evaluate(self._model, test, evaluation.Protocol(), K, _METRICS)
        return {**watch.stop(), "NDCG": found.metrics[f"NDCG@{K}"]}


def event_log(pairs: Pairs, part: np.ndarray) -> EventLog:
    """Return pairs as events: all users and items, their codes as ids."""
    columns = {name: {"kind": "id", "role": name} for name in ("user", "item")}
    schema = FeatureSchema.from_dict({"name": "pairs", "columns": columns})
    ids = [np.arange(size).astype(str).astype(object) for size in pairs.shape]
    tables = [pd.DataFrame({name: own}) for name, own in zip(columns, ids, strict=True)]
    events = pd.DataFrame(
        {name: own[part[:, i]] for i, (name, own) in enumerate(zip(columns, ids, strict=True))}
    )
    return EventLog(events, *tables, schema)


def encoded(pairs: Pairs) -> EncodedLog:
    """Return the training pairs encoded."""
    return data.encode(event_log(pairs, pairs.train))
