"""Backups from which a killed run goes on as if nothing had happened."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import tensorflow as tf


class Backup(tf.keras.callbacks.Callback):
    """Keeps the state of a training run, and lets `fit` go on from it.

    Beside the weights and the optimizer, as Keras' `BackupAndRestore` has them, it keeps what
    dropout and other random layers draw next, the metrics of the epoch so far and `state`; so a
    run that was killed in the middle of an epoch ends as one that was not.

    Args:
        model: Built and compiled; the newest backup is restored into it at once.
        folder: Where the backup is. All workers read it; the chief writes it.
        every: Steps between two backups; None for one an epoch.
        state: What else belongs to the run.

    Attributes:
        epoch: Epoch to go on in.
        batch: Step of that epoch to go on with.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        folder: pathlib.Path,
        every: int | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._supports_tf_logs = True  # or Keras would fetch the metrics of every step
        self._every = every
        self._epoch = self._saved_step = 0
        self._position = tf.Variable([0, 0], dtype=tf.int64, name="epoch_and_batch")
        checkpoint = tf.train.Checkpoint(
            model=model, generators=_generators(model), position=self._position, **(state or {})
        )
        reader = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
        self._writer = reader
        if not model.distribute_strategy.extended.should_checkpoint:
            # All workers take part in the saving of variables that they share.
            self._own = tempfile.TemporaryDirectory()
            self._writer = tf.train.CheckpointManager(checkpoint, self._own.name, max_to_keep=1)
        self.goes_on = reader.latest_checkpoint is not None
        reader.restore_or_initialize()
        self.epoch, self.batch = self._position.numpy().tolist()
        # `fit` begins every epoch with new metrics.
        variables = [v for metric in model.metrics for v in metric.variables] if self.batch else []
        self._metrics = [(variable, variable.numpy()) for variable in variables]

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Let `fit` ask this object where to begin."""
        self.model._training_state = self

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Leave the model as it was."""
        self.model._training_state = None

    def maybe_load_initial_counters_from_ckpt(self, *_: Any, **__: Any) -> tuple[int, int]:
        """Return the epoch and its step to begin with; `fit` calls it by this name."""
        return self.epoch, self.batch

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Go on with the metrics of an epoch that had begun."""
        for variable, value in self._metrics:
            variable.assign(value)
        self._metrics = []
        self._epoch = epoch
        self._saved_step = self.batch if epoch == self.epoch else 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save if it is time."""
        step = batch + 1
        if self._every is not None and step // self._every > self._saved_step // self._every:
            self._saved_step = step
            self._save(self._epoch, step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save."""
        self._save(epoch + 1, 0)

    def _save(self, epoch: int, batch: int) -> None:
        if coordinator := getattr(self.model, "_cluster_coordinator", None):
            coordinator.join()
        self._position.assign([epoch, batch])
        self._writer.save()


def _generators(model: tf.keras.Model) -> list[tf.random.Generator]:
    """Return the generators of the random layers, which Keras leaves out of checkpoints."""
    found = []
    for layer in model.submodules:
        if isinstance(layer, tf.keras.__internal__.layers.BaseRandomLayer):
            generator = layer._random_generator
            generator._maybe_init()
            if generator._generator is not None:
                found.append(generator._generator)
    return found
