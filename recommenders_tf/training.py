"""Training as the command and the pipeline share it: devices, precision, seed, resume and logs.

Example:
    >>> from recommenders_tf import data, models
    >>> config = TrainingConfig(epochs=1)
    >>> encoded = data.encode(data.load("synthetic"))
    >>> with prepare(config).scope():
    ...     model = models.MF(encoded.schema, embedding_dim=8)
    ...     model.compile()
    >>> len(train(model, encoded, config).history["loss"])
    1
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import pathlib
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.models.base import Recommender, example_batch

HISTORY_FILE = "history.csv"


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How to train, whatever the model.

    Args:
        epochs: Passes over the data.
        batch_size: Examples a step, over all devices together; of an `EncodedLog`.
        seed: Of the initial weights, the order of the examples and the negatives.
        precision: Keras policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
        folder: Where to keep logs (`history.csv`, `tensorboard/`) and, until training is over, the
            backup that an interrupted run goes on from; None keeps nothing.
    """

    epochs: int = 10
    batch_size: int = 1024
    seed: int = 0
    precision: str = "float32"
    folder: str | pathlib.Path | None = None


def prepare(config: TrainingConfig) -> tf.distribute.Strategy:
    """Set the seed and the precision, and choose how to use the devices there are.

    Both hold for the whole process, and for models that are built from now on.

    Args:
        config: How to train.

    Returns:
        The strategy in whose scope the model is to be built and compiled: `MirroredStrategy` over
        the GPUs if there are several, otherwise the present one.
    """
    tf.keras.utils.set_random_seed(config.seed)
    tf.keras.mixed_precision.set_global_policy(config.precision)
    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.get_strategy()


def train(
    model: Recommender,
    data: Any,
    config: TrainingConfig,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> tf.keras.callbacks.History:
    """Train a compiled model, showing progress on stderr.

    With `config.folder` the state is saved after every epoch. A run that was killed goes on after
    its last whole epoch when it is started again with the same model and settings; the order of
    the examples begins anew, so its weights are not those of a run that was never stopped. With
    another model or other settings it starts over.

    Args:
        model: Built and compiled in the scope of `prepare(config)`.
        data: `EncodedLog`, or a `tf.data.Dataset` of batches.
        config: How to train.
        callbacks: Keras callbacks to call as well.

    Returns:
        The Keras history of the epochs that this call ran.
    """
    with model.distribute_strategy.scope():
        model(example_batch(model.schema))  # a backup needs weights to be restored into
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        history = model.fit(
            data,
            epochs=config.epochs,
            batch_size=config.batch_size if isinstance(data, EncodedLog) else None,
            callbacks=[*_records(model, config), _Report(bar), *callbacks],
            verbose=0,
        )
    if config.folder:
        shutil.rmtree(_backups(config.folder))
    return history


def _records(model: Recommender, config: TrainingConfig) -> list[tf.keras.callbacks.Callback]:
    """Return the callbacks that write into the folder."""
    if config.folder is None:
        return []
    folder = pathlib.Path(config.folder)
    backup = _backups(folder) / _fingerprint(model, config)
    backup.mkdir(parents=True, exist_ok=True)
    goes_on = any(backup.rglob("checkpoint"))
    records = [
        tf.keras.callbacks.BackupAndRestore(str(backup)),
        tf.keras.callbacks.CSVLogger(str(folder / HISTORY_FILE), append=goes_on),
    ]
    if importlib.util.find_spec("tensorboard"):  # the newest TensorFlow no longer brings it
        board = tf.keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)
        records.append(board)
    return records


def _backups(folder: str | pathlib.Path) -> pathlib.Path:
    return pathlib.Path(folder) / "backup"


def _fingerprint(model: Recommender, config: TrainingConfig) -> str:
    """Return what two runs have in common if one can go on from the backup of the other."""
    own = {key: value for key, value in model.get_config().items() if key != "name"}
    settings = (
        type(model).__name__,
        own,
        model.optimizer.get_config(),
        (config.batch_size, config.seed, config.precision),
    )
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Report(tf.keras.callbacks.Callback):
    """Moves a bar with the steps and prints a line for each epoch."""

    def __init__(self, bar: Progress) -> None:
        super().__init__()
        # Or Keras would wait for the device at every step, to hand over the step's metrics.
        self._supports_tf_logs = True
        self._bar = bar
        self._task = bar.add_task("")
        self._started = 0.0
        self._has_begun = False

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if epoch and not self._has_begun:
            self._bar.console.print(f"Going on after epoch {epoch}, where the last run stopped.")
        self._has_begun = True
        self._started = time.monotonic()
        title = f"Epoch {epoch + 1}/{self.params['epochs']}"
        self._bar.reset(self._task, description=title, total=self.params["steps"])

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._bar.update(self._task, completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        metrics = "  ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
        seconds = time.monotonic() - self._started
        count = f"{epoch + 1:>{len(str(self.params['epochs']))}}/{self.params['epochs']}"
        self._bar.console.print(f"Epoch {count}  {metrics}  {seconds:.1f} s")
