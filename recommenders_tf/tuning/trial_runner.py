"""One trial of a search: a model with the values to try, measured on validation events."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import pandas as pd
import tensorflow as tf

from recommenders_tf import data, registry
from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.training.best_weights import METRICS
from recommenders_tf.training.model_config import ModelConfig
from recommenders_tf.training.run import HISTORY_FILE, compile_model, train
from recommenders_tf.training.strategy import prepare

LOG_FILE = "log.txt"


def is_solved(model: str) -> bool:
    """Return whether a model has a solution, which more epochs do not change.

    Args:
        model: Registry name.

    Example:
        >>> is_solved("ease"), is_solved("mf")
        (True, False)
    """
    solve = getattr(registry.get(model), "solve", MatrixRetriever.solve)
    return solve is not MatrixRetriever.solve


@dataclasses.dataclass(frozen=True)
class TrialRunner:
    """Trains one model after another on the same events.

    Args:
        base: What the models have in common.
        train: Events to train on.
        validation: Events to measure on, after every epoch.

    Example:
        >>> from recommenders_tf import data
        >>> runner = TrialRunner(ModelConfig("mult_dae"), *data.synthetic().split())
        >>> config = runner.config({"l2": 0.01, "batch_size": 64})
        >>> config.parameters, config.training.batch_size
        ({'l2': 0.01}, 64)
    """

    base: ModelConfig
    train: EventLog
    validation: EventLog

    def config(self, values: Mapping[str, Any]) -> ModelConfig:
        """Return the config of a trial.

        Args:
            values: What is tried, by argument of the model or field of `TrainingConfig`.
        """
        own = registry.hyper_parameters(registry.get(self.base.model))
        parameters = {name: value for name, value in values.items() if name in own}
        rest = {name: value for name, value in values.items() if name not in own}
        return dataclasses.replace(
            self.base,
            parameters={**self.base.parameters, **parameters},
            training=dataclasses.replace(self.base.training, **rest),
        )

    def run(
        self, values: Mapping[str, Any], epochs: int, folder: pathlib.Path, keep_backup: bool
    ) -> tuple[float, int]:
        """Train a model, and return its best metric and the number of epochs that reach it.

        What training shows goes to a file in the folder. A trial that was killed goes on there.

        Args:
            values: What is tried.
            epochs: Passes over the events.
            folder: Where history, logs and backup are.
            keep_backup: Whether a trial with more epochs may go on from here.
        """
        config = self.config(values)
        # As much patience as there are epochs stops nothing, and has every epoch measured.
        patience = config.training.patience or config.training.epochs
        training = dataclasses.replace(
            config.training, epochs=1 if is_solved(config.model) else epochs, patience=patience
        )
        tf.keras.backend.clear_session()  # of the trial before
        with (
            (folder / LOG_FILE).open("a", encoding="utf-8") as log,
            contextlib.redirect_stderr(log),
        ):
            strategy = prepare(training)
            with strategy.scope():
                model = registry.get(config.model)(self._encoded.schema, **config.parameters)
                compile_model(model, training)
            train(model, self._encoded, training, folder, self.validation, keep_backup=keep_backup)
        history = pd.read_csv(folder / HISTORY_FILE)
        metric = history[f"val_{METRICS[model.kind]}"]
        if metric.isna().all():
            raise ValueError("The metric is not a number: training has diverged.")
        return float(metric.max()), int(metric.argmax()) + 1

    @functools.cached_property
    def _encoded(self) -> EncodedLog:
        return data.encode(self.train)
