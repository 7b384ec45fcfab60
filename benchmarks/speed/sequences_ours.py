"""The sequence models of this toolkit, as `time_to_equal` compares them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import recommenders_tf as rtf
from benchmarks.speed.pairs import K, Pairs
from benchmarks.speed.usage import Stopwatch
from recommenders_tf import data, evaluation, training
from recommenders_tf.data import EventLog
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.training import TrainingConfig


def start(model: str, path: str, length: int, settings: dict[str, Any]) -> Ours:
    return Ours(model, path, length, settings)


class Ours:
    """Trains one model, a while at a time.

    Args:
        model: Registry name.
        path: File of the pairs, those of a user in the order of time.
        length: Most of a past that it reads.
        settings: Arguments of the model.
    """

    def __init__(self, model: str, path: str, length: int, settings: dict[str, Any]) -> None:
        pairs = Pairs.read(path)
        self._users, self._test = pairs.shape[0], _log(pairs, pairs.test, length)
        self._train = data.encode(_log(pairs, pairs.train, length))
        self._config = TrainingConfig(batch_size=128)
        self._model = rtf.registry.get(model)(self._train.schema, **settings)
        training.compile_model(self._model, self._config)

    def train(self, seconds: float) -> dict[str, float]:
        """Train for one more epoch, however long it is, and return what it took."""
        del seconds
        watch = Stopwatch()
        self._model.fit(self._train, batch_size=self._config.batch_size, verbose=0)
        return watch.stop()

    def lists(self, path: str) -> str:
        """Write the lists of all users, and return the name and version of what made them."""
        frame = self._model.recommend(np.arange(self._users).astype(str), k=K)
        lists = np.full((self._users, K), -1)
        rows = frame["user"].to_numpy(int), frame["rank"].to_numpy() - 1
        lists[rows] = frame["item"].to_numpy(int)
        np.save(path, lists)
        return f"recommenders-tf {rtf.__version__}"

    def evaluate(self) -> dict[str, float]:
        """Measure the lists of all users over the catalogue, and return what that took."""
        asked = evaluation.Protocol(exclude_seen=False)
        watch = Stopwatch()
        found = evaluation.evaluate(self._model, self._test, asked, K, ("HR", "MRR", "NDCG"))
        return {**watch.stop(), "NDCG": found.metrics[f"NDCG@{K}"]}


def _log(pairs: Pairs, part: np.ndarray, length: int) -> EventLog:
    """Return pairs as events, their order as time; all users and items, their codes as ids."""
    columns: dict[str, Any] = {name: {"kind": "id", "role": name} for name in ("user", "item")}
    columns["time"] = {"kind": "timestamp", "role": "event_time"}
    columns["history"] = {
        "kind": "sequence",
        "role": "user",
        "source": "item",
        "max_length": length,
    }
    schema = FeatureSchema.from_dict({"name": "pairs", "columns": columns})
    ids = {
        name: np.arange(size).astype(str).astype(object)
        for name, size in zip(("user", "item"), pairs.shape, strict=True)
    }
    tables = [pd.DataFrame({name: own}) for name, own in ids.items()]
    events = pd.DataFrame({name: own[part[:, i]] for i, (name, own) in enumerate(ids.items())})
    return EventLog(events.assign(time=np.arange(len(part))), *tables, schema)
