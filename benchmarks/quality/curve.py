"""The figures of a model after every epoch: to choose how many, or to see what a choice gives."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import tensorflow as tf

from benchmarks.quality import datasets
from benchmarks.quality.config import Config, Entry
from benchmarks.quality.fit import fit
from benchmarks.quality.held_out import HeldOut, means


def curve(
    path: pathlib.Path, name: str, epochs: int | None = None, seed: int = 1, test: bool = False
) -> list[dict[str, float]]:
    """Train a model of a config without stopping, and print its figures after every epoch.

    Args:
        path: A file of `configs/`.
        name: The model's name there.
        epochs: How long to train; None as the config says.
        seed: Of the training and, where it is drawn, of the split.
        test: Measure on the test part, not on validation.

    Returns:
        The figures, an epoch each; no row is kept.

    Raises:
        ValueError: The config has no such model.
    """
    config = Config.load(path)
    entry = config.entry(name)
    drawn = seed if config.dataset in datasets.DRAWN else 0
    splits = datasets.load(config.dataset, not test, drawn)
    training = dataclasses.replace(
        entry.recipe.training, patience=None, epochs=epochs or entry.recipe.training.epochs
    )
    recipe = dataclasses.replace(entry.recipe, training=training)
    shown = Shown(entry, splits.measured)
    fit(recipe, splits, seed, callbacks=[shown])
    return shown.figures


class Shown(tf.keras.callbacks.Callback):
    """Prints the figures of a held-out part after every epoch."""

    def __init__(self, entry: Entry, held_out: HeldOut) -> None:
        super().__init__()
        self._entry, self._held_out = entry, held_out
        self.figures: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure and print."""
        values = means(self._held_out.measure(self.model))
        self.figures.append(values)
        shown = ", ".join(f"{metric} {value:.4f}" for metric, value in values.items())
        print(f"{self._entry.name}, epoch {epoch + 1}: {shown}", flush=True)
