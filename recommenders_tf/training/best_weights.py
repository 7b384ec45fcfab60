"""Early stopping on a ranking metric, which outlives a killed process."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import tensorflow as tf

from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.models.base import Recommender
from recommenders_tf.training.local_copies import evaluate_locally

METRICS = {"retrieval": "NDCG@10", "ranking": "auc"}
"""What a model of each kind is judged by."""


class BestWeights(tf.keras.callbacks.Callback):
    """Measures a model after every epoch, and ends training with the best weights.

    The metric is NDCG@10 over the full catalogue for a model that retrieves and the AUC for one
    that ranks; the history shows all metrics of the validation events with `val_` before them.

    Args:
        model: It answers in raw ids.
        validation: Events that the model is not trained on.
        patience: Epochs without a better metric after which training ends.
        folder: Where the best weights are kept: all workers read it, the chief writes it. None
            keeps them elsewhere.

    Attributes:
        state: What a backup has to keep.
    """

    def __init__(
        self, model: Recommender, validation: EventLog, patience: int, folder: pathlib.Path | None
    ) -> None:
        super().__init__()
        self._patience = patience
        self._metric = METRICS[model.kind]
        is_ranker = model.kind == "ranking"
        self._validation = EncodedLog(validation, model.tables) if is_ranker else validation
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
        arguments = {"verbose": 0} if self.model.kind == "ranking" else {}
        values = evaluate_locally(self.model, self._validation, **arguments)
        if logs is not None:
            logs.update({f"val_{name}": float(value) for name, value in values.items()})
        if values[self._metric] > self._best.numpy():
            self._best.assign(values[self._metric])
            self._waited.assign(0)
            self.model.save_weights(self._write)
        else:
            self._waited.assign_add(1)
        self.model.stop_training = self.is_over

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Return to the best weights."""
        if self._waited.numpy():
            self.model.load_weights(self._read)
