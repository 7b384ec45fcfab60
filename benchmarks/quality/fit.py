"""Trains a model and ends with the weights of its best epoch on validation."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import tensorflow as tf

from benchmarks.quality.config import Recipe
from benchmarks.quality.held_out import HeldOut, Splits, means
from recommenders_tf import registry, training
from recommenders_tf.layers.stacked_embedding import StackedEmbedding
from recommenders_tf.models.base import Recommender, example_batch

_LOWEST_RATE = 1e-6


def fit(recipe: Recipe, splits: Splits, seed: int) -> Any:
    """Return the model of a recipe, trained from a seed."""
    config = dataclasses.replace(recipe.training, seed=seed)
    patience, config = config.patience, dataclasses.replace(config, patience=None)
    with training.prepare(config).scope():
        model = registry.get(recipe.model)(splits.train.schema, **recipe.hyper_parameters)
        training.compile_model(model, config)
    if recipe.embedding_scale != 1.0:
        scale_embeddings(model, recipe.embedding_scale)
    watch = []
    if patience is not None and splits.watched is not None:
        watch = [BestEpoch(splits.watched, patience, recipe.reduce_rate)]
    training.train(model, splits.train, config, callbacks=watch)
    return model


def scale_embeddings(model: Recommender, factor: float) -> None:
    """Multiply the first values of all embedding tables, so that training starts nearer to 0."""
    model(example_batch(model.schema))
    for layer in model.submodules:
        if isinstance(layer, StackedEmbedding):
            layer.embeddings.assign(factor * layer.embeddings)


class BestEpoch(tf.keras.callbacks.Callback):
    """Measures every epoch on validation, and in the end takes back the best one's weights.

    Args:
        held_out: The validation part; its first metric is watched, more is better.
        patience: Epochs in a row without a better value after which training ends.
        reduce_rate: What an epoch without a better value multiplies the learning rate by.
    """

    def __init__(self, held_out: HeldOut, patience: int, reduce_rate: float = 1.0) -> None:
        super().__init__()
        self.held_out, self.patience, self.reduce_rate = held_out, patience, reduce_rate
        self.best, self.weights, self.waited = float("-inf"), None, 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure; keep the weights, or wait and lower the rate, or end."""
        metric, value = next(iter(means(self.held_out.measure(self.model)).items()))
        print(f"epoch {epoch + 1}, validation: {metric} {value:.4f}", file=sys.stderr, flush=True)
        if value > self.best:
            self.best, self.weights, self.waited = value, self.model.get_weights(), 0
            return
        self.waited += 1
        rate = self.model.optimizer.learning_rate
        rate.assign(tf.maximum(rate * self.reduce_rate, _LOWEST_RATE))
        self.model.stop_training = self.waited >= self.patience

    def on_train_end(self, logs: Any = None) -> None:
        """Take back the best weights."""
        if self.weights is not None:
            self.model.set_weights(self.weights)
