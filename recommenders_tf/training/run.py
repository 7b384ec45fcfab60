"""One training run: compiled, fed, logged, backed up."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf import optimizers
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.models.base import Recommender, example_batch
from recommenders_tf.training.backup import Backup
from recommenders_tf.training.best_weights import BestWeights, Measure, on_events
from recommenders_tf.training.config import TrainingConfig
from recommenders_tf.training.feed import feed
from recommenders_tf.training.progress import progress

HISTORY_FILE = "history.csv"
BACKUP_FOLDER = "backup"


def compile_model(model: Recommender, config: TrainingConfig) -> None:
    """Compile a model for `train`, in the scope of the strategy that it was built in.

    Args:
        model: The model.
        config: How to train.

    Raises:
        ValueError: There is no optimizer of that name.

    Example:
        >>> from recommenders_tf import data, models
        >>> model = models.MF(data.encode(data.load("synthetic")).schema)
        >>> compile_model(model, TrainingConfig(optimizer="adagrad", learning_rate=0.1))
        >>> round(float(model.optimizer.learning_rate), 3)
        0.1
        >>> compile_model(model, TrainingConfig(learning_rate=0.2))
        >>> type(model.optimizer).__name__, round(float(model.optimizer.learning_rate), 3)
        ('LazyAdam', 0.2)
    """
    optimizer = None
    if config.optimizer is not None:
        rate = {} if config.learning_rate is None else {"learning_rate": config.learning_rate}
        optimizer = optimizers.get(config.optimizer, **rate)
    elif config.learning_rate is not None:
        optimizer = model.default_optimizer()
        optimizer.learning_rate = config.learning_rate
    model.compile(
        optimizer,
        micro_batches=config.micro_batches,
        clip_norm=config.clip_norm,
        embedding_l2=config.embedding_l2,
        jit_compile=config.jit_compile or None,
        steps_per_execution=config.steps_per_execution,
    )


def train(
    model: Recommender,
    data: Any,
    config: TrainingConfig,
    folder: str | pathlib.Path | None = None,
    validation: EventLog | Measure | None = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    keep_backup: bool = False,
) -> tf.keras.callbacks.History:
    """Train a compiled model, showing progress on stderr.

    With a `folder`, a run that was killed goes on from its last backup when it is started again
    with the same model and settings; with others it starts over. On an `EncodedLog`, or another
    `RowSource`, it goes on in the middle of an epoch and ends with the weights of a run that was
    not killed; a `tf.data.Dataset` is begun anew after the last whole epoch.

    Args:
        model: Built in the scope of `prepare(config)` and compiled by `compile_model`.
        data: `EncodedLog` or other `RowSource`, or a `tf.data.Dataset` of batches.
        config: How to train.
        folder: Where to keep logs (`history.csv`, `tensorboard/`) and, until training is over, the
            backup; None keeps nothing.
        validation: Events to measure the model on after every epoch, for `config.patience`; the
            model answers in raw ids of `data` or is bound. Or what measures it: a function from the
            model to metrics by name, of which the first is watched.
        callbacks: Keras callbacks to call as well.
        keep_backup: Whether the backup outlasts training, so that a call with more epochs goes on.

    Returns:
        The Keras history of the epochs that this call ran.

    Raises:
        ValueError: `config.patience` and `validation` come without each other, or
            `config.backup_steps` with a dataset that cannot begin at a step.

    Example:
        >>> from recommenders_tf import data, models
        >>> encoded = data.encode(data.load("synthetic"))
        >>> model = models.MF(encoded.schema, embedding_dim=4)
        >>> config = TrainingConfig(epochs=1, batch_size=4096)
        >>> compile_model(model, config)
        >>> len(train(model, encoded, config).history["loss"])
        1
    """
    if (config.patience is None) != (validation is None):
        raise ValueError(
            "Early stopping needs both `patience` and `validation` events; one of them is None."
        )
    if config.backup_steps is not None and not isinstance(data, RowSource):
        raise ValueError(
            f"`backup_steps` is {config.backup_steps}, but a {type(data).__name__} cannot begin in "
            "the middle of an epoch: leave it out, or train on an `EncodedLog`."
        )
    if isinstance(data, RowSource):
        data = model.training_rows(data)
    with model.distribute_strategy.scope():
        model(example_batch(model.schema))  # a backup needs weights to be restored into
        model.optimizer.build(model.trainable_variables)
    if getattr(data, "tables", None) is not None:
        model.bind(data.tables)
    strategy = model.distribute_strategy
    best, backup = _keepers(model, config, folder, validation)
    epoch, batch = (backup.epoch, backup.batch) if backup else (0, 0)
    steps = None
    if isinstance(data, RowSource):
        steps = data.steps(config.batch_size)
        data = feed(strategy, data, config, epoch * steps + batch)
    with progress() as report:
        if backup and backup.goes_on:
            report.say(
                f"Going on in epoch {epoch + 1} after {batch} steps, as the last run left it."
            )
        history = model.fit(
            data,
            epochs=epoch if best and best.is_over else config.epochs,
            steps_per_epoch=steps,
            callbacks=[
                *([best] if best else []),
                # Before the backup: what is shown of an epoch is whole when the epoch is.
                *_logs(folder, epoch, strategy),
                *([backup] if backup else []),
                report,
                *callbacks,
            ],
            verbose=0,
        )
    if folder and strategy.extended.should_checkpoint and not keep_backup:
        shutil.rmtree(pathlib.Path(folder) / BACKUP_FOLDER)
    return history


def _keepers(
    model: Recommender,
    config: TrainingConfig,
    folder: str | pathlib.Path | None,
    validation: EventLog | Measure | None,
) -> tuple[BestWeights | None, Backup | None]:
    """Return the callbacks that keep weights, each if it is asked for."""
    home = pathlib.Path(folder) / BACKUP_FOLDER / _fingerprint(model, config) if folder else None
    best = None
    if validation is not None and config.patience is not None:
        measure = validation if callable(validation) else on_events(model, validation)
        best = BestWeights(model, measure, config.patience, home and home / "best")
    if home is None:
        return best, None
    home.mkdir(parents=True, exist_ok=True)
    return best, Backup(model, home, config.backup_steps, {"best": best.state} if best else None)


def _logs(
    folder: str | pathlib.Path | None, epoch: int, strategy: tf.distribute.Strategy
) -> list[tf.keras.callbacks.Callback]:
    """Return the callbacks that write logs, of which there is one for all workers."""
    if folder is None or not strategy.extended.should_save_summary:
        return []
    path = pathlib.Path(folder)
    _cut(path / HISTORY_FILE, epoch)
    logs = [tf.keras.callbacks.CSVLogger(str(path / HISTORY_FILE), append=epoch > 0)]
    if importlib.util.find_spec("tensorboard"):  # the newest TensorFlow no longer brings it
        board = tf.keras.callbacks.TensorBoard(str(path / "tensorboard"), write_graph=False)
        logs.append(board)
    return logs


def _cut(history: pathlib.Path, epoch: int) -> None:
    """Leave out of a history the epochs that are to be trained again, from `epoch` on."""
    if history.exists():
        header, *rows = history.read_text("utf-8").splitlines(keepends=True) or [""]
        kept = [row for row in rows if int(row.split(",")[0]) < epoch]
        history.write_text("".join([header, *kept]), "utf-8")


def _fingerprint(model: Recommender, config: TrainingConfig) -> str:
    """Return what two runs have in common if one can go on from the backup of the other."""
    own = {key: value for key, value in model.get_config().items() if key != "name"}
    settings = (
        type(model).__name__,
        own,
        model.optimizer.get_config(),
        (config.batch_size, config.seed, config.precision, config.clip_norm, config.embedding_l2),
        model.distribute_strategy.num_replicas_in_sync,
    )
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
