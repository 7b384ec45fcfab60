"""Early stopping on a metric of held-out events, which outlives a killed process."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.models.base import Recommender
from recommenders_tf.training.local_copies import evaluate_locally

METRICS = {"retrieval": "NDCG@10", "ranking": "auc"}
"""What a model of each kind is judged by."""

Measure = Callable[[Recommender], Mapping[str, float]]
"""Returns metrics of a model by name, the one to watch first; more is better."""


def on_events(model: Recommender, validation: EventLog) -> Measure:
    """Return what measures a model on events that it is not trained on.

    Args:
        model: It answers in raw ids.
        validation: The events.

    Returns:
        Of a model that retrieves NDCG@10 over the full catalogue first, of one that ranks the AUC.
    """
    watched = METRICS[model.kind]
    is_ranker = model.kind == "ranking"
    rows = EncodedLog(validation, model.tables) if is_ranker else validation
    arguments = {"verbose": 0} if is_ranker else {}

    def measure(model: Recommender) -> dict[str, float]:
        values = evaluate_locally(model, rows, **arguments)
        return {watched: values[watched], **values}

    return measure


class BestWeights(tf.keras.callbacks.Callback):
    """Measures a model after every epoch, and ends training with the best weights.

    The history shows all metrics with `val_` before them.

    Args:
        model: The model.
        measure: Of its metrics the first is watched.
        patience: Epochs without a better metric after which training ends.
        folder: Where the best weights are kept: all workers read it, the chief writes it. None
            keeps them elsewhere.

    Attributes:
        state: What a backup has to keep.
    """

    def __init__(
        self, model: Recommender, measure: Measure, patience: int, folder: pathlib.Path | None
    ) -> None:
        super().__init__()
        self._patience = patience
        self._measure = measure
        self._own = tempfile.TemporaryDirectory()
        self._read = self._write = str(pathlib.Path(folder or self._own.name) / "weights")
        if not model.distribute_strategy.extended.should_checkpoint:
            self._write = str(pathlib.Path(self._own.name) / "weights")
        self._best = tf.Variable(float("-inf"), dtype=tf.float64)
        self._waited = tf.Variable(0, dtype=tf.int64)
        self.state = tf.train.Checkpoint(best=self._best, waited=self._waited)

    @property
    def is_over(self) -> bool:
        """Whether training has had all the patience there is."""
        return int(self._waited.numpy()) >= self._patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure; keep the weights if they are the best so far."""
        values = self._measure(self.model)
        if logs is not None:
            logs.update({f"val_{name}": float(value) for name, value in values.items()})
        watched = next(iter(values.values()))
        if watched > self._best.numpy():
            self._best.assign(watched)
            self._waited.assign(0)
            self.model.save_weights(self._write)
        else:
            self._waited.assign_add(1)
        self.model.stop_training = self.is_over

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Return to the best weights."""
        if self._waited.numpy():
            self.model.load_weights(self._read)
