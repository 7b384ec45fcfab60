"""One contender at work: trains a block of steps when told to, and says what that took."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.speed.case import Case
from benchmarks.speed.planted import examples
from benchmarks.speed.usage import Stopwatch, peak_memory, reset_peak_memory

HELD_OUT = 65_536


@dataclasses.dataclass(frozen=True)
class Contender:
    """A compiled Keras model and how it is fed.

    Args:
        model: Ready for `fit`.
        feed: Makes the arguments of `fit` of features and labels.
        predict: Makes probabilities `[rows]` of features.
        version: What is measured, for the record.
    """

    model: tf.keras.Model
    feed: Callable[[Mapping[str, np.ndarray], np.ndarray], dict[str, Any]]
    predict: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    version: str


class Session:
    """Trains a contender on its own copy of the planted examples.

    Args:
        build: Makes the contender of a case.
        case: What to train.
        steps: Steps that will be asked for in all.
    """

    def __init__(self, build: Callable[[Case], Contender], case: Case, steps: int) -> None:
        self._case = case
        self._features, self._labels = examples(case, steps * case.batch_size, seed=1)
        self._done = 0
        reset_peak_memory()
        tf.keras.utils.set_random_seed(1)
        self._contender = build(case)

    def train(self, steps: int) -> dict[str, float]:
        """Train on the next steps and return what all of them but the first took."""
        size = self._case.batch_size
        rows = slice(self._done * size, (self._done + steps) * size)
        features = {name: values[rows] for name, values in self._features.items()}
        timer = _Timer()
        feed = self._contender.feed(features, self._labels[rows])
        self._contender.model.fit(**feed, callbacks=[timer], verbose=0)
        self._done += steps
        assert timer.usage is not None
        return {"examples": timer.steps * size, **timer.usage}

    def evaluate(self) -> dict[str, Any]:
        """Return the quality on held-out examples, and the memory that the training took."""
        features, labels = examples(self._case, HELD_OUT, seed=2)
        memory, device = {"cpu": peak_memory()}, "CPU"
        if gpus := tf.config.list_physical_devices("GPU"):
            device = tf.config.experimental.get_device_details(gpus[0])["device_name"]
            memory["gpu"] = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        scores = np.clip(self._contender.predict(features), 1e-7, 1 - 1e-7).astype(np.float64)
        loss = -np.mean(labels * np.log(scores) + (1 - labels) * np.log(1 - scores))
        return {
            "version": self._contender.version,
            "device": device,
            "steps": self._done,
            "loss": float(loss),
            "auc": area_under_curve(labels, scores),
            "memory": memory,
        }


def area_under_curve(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the probability that a positive scores above a negative, ties as one half."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positives = labels.sum()
    wins = ranks[labels > 0].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * (len(labels) - positives)))


class _Timer(tf.keras.callbacks.Callback):
    """Times an epoch from the end of its first step: a call of `fit` has its own cost."""

    def __init__(self) -> None:
        super().__init__()
        self._supports_tf_logs = True  # or Keras would fetch the metrics at every step
        self._watch: Stopwatch | None = None
        self._first = self._last = 0
        self.usage: dict[str, float] | None = None

    @property
    def steps(self) -> int:
        return self._last - self._first

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._watch is None:
            self._first, self._watch = batch, Stopwatch()
        self._last = batch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        assert self._watch is not None
        self.usage = self._watch.stop()
