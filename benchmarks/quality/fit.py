"""Trains a model, to the best epoch on validation where there is one."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from benchmarks.quality.config import Recipe
from benchmarks.quality.held_out import HeldOut, Splits, means
from recommenders_tf import registry, training
from recommenders_tf.layers.stacked_embedding import StackedEmbedding
from recommenders_tf.models.base import Recommender, example_batch

_LOWEST_RATE = 1e-6


def fit(
    recipe: Recipe,
    splits: Splits,
    seed: int,
    folder: pathlib.Path | None = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> Any:
    """Return the model of a recipe, trained from a seed.

    Args:
        recipe: The model and how to train it.
        splits: The data.
        seed: Of the first weights and of the order of the rows.
        folder: Of a training that stops by itself, which may be long: where its curve is kept and,
            until it is over, what a run that was killed goes on from.
        callbacks: Keras callbacks to call as well.
    """
    config = dataclasses.replace(recipe.training, seed=seed)
    measure = None
    if splits.watched is None or config.patience is None:
        config, folder = dataclasses.replace(config, patience=None), None
    else:
        measure = _shown(splits.watched)
    with training.prepare(config).scope():
        model = registry.get(recipe.model)(splits.train.schema, **recipe.hyper_parameters)
        training.compile_model(model, config)
    if recipe.embedding_scale != 1.0:
        scale_embeddings(model, recipe.embedding_scale)
    lower = [] if recipe.reduce_rate == 1.0 else [LowerRate(recipe.reduce_rate)]
    training.train(model, splits.train, config, folder, measure, [*lower, *callbacks])
    return model


def _shown(held_out: HeldOut) -> Callable[[Any], dict[str, float]]:
    def measure(model: Any) -> dict[str, float]:
        values = means(held_out.measure(model))
        metric, value = next(iter(values.items()))
        print(f"validation: {metric} {value:.4f}", file=sys.stderr, flush=True)
        return values

    return measure


def scale_embeddings(model: Recommender, factor: float) -> None:
    """Multiply the first values of all embedding tables, so that training starts nearer to 0."""
    model(example_batch(model.schema))
    for layer in model.submodules:
        if isinstance(layer, StackedEmbedding):
            layer.embeddings.assign(factor * layer.embeddings)


class LowerRate(tf.keras.callbacks.Callback):
    """Lowers the learning rate after each epoch that is no better than the best before it.

    Args:
        factor: What the rate is multiplied by.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor, self._best = factor, float("-inf")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the first metric of validation."""
        value = next(value for name, value in logs.items() if name.startswith("val_"))
        if value > self._best:
            self._best = value
            return
        rate = self.model.optimizer.learning_rate
        rate.assign(tf.maximum(rate * self._factor, _LOWEST_RATE))
