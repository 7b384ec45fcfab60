"""Trains the models of a config and appends a row for each metric to the results."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import platform
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import yaml
from rich.console import Console

import recommenders_tf as rtf
from benchmarks.records import commit

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "quality.jsonl"
_PROTOCOLS = {
    "retrieval": "{split}, all items but the seen ones ranked, no sampled negatives",
    "ranking": "{split}, held-out events of both labels (rating >= 4)",
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one model is trained: registry name, epochs, batch size, hyper-parameters."""

    model: str
    epochs: int
    batch_size: int
    hyper_parameters: dict[str, Any] = dataclasses.field(default_factory=dict)


def run(config: pathlib.Path, only: str | None, validation: bool) -> Iterator[dict[str, Any]]:
    """Train every model of a config with every seed and yield its rows.

    Args:
        config: YAML file, as those in `configs/`.
        only: Registry name of the one model to run; None runs all.
        validation: Measure on the validation event and not on the test event, for choosing.
    """
    import tensorflow as tf

    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    log = rtf.data.load(settings["dataset"])
    train, *held_out = log.split(settings["split"], validation=validation)
    encoded, test = rtf.data.encode(train), held_out[0]
    console = Console(stderr=True)
    for name, recipe in settings["models"].items():
        if only not in (None, name):
            continue
        recipe = Recipe(name, **recipe)
        measured: list[dict[str, float]] = []
        for seed in settings["seeds"]:
            tf.keras.utils.set_random_seed(seed)
            model = rtf.registry.get(name)(encoded.schema, **recipe.hyper_parameters)
            model.compile()
            console.print(f"[bold]{name}[/] seed {seed}, {recipe.epochs} epochs")
            model.fit(encoded, epochs=recipe.epochs, batch_size=recipe.batch_size, verbose=2)
            measured.append(
                {k: v for k, v in model.evaluate(test).items() if k in ("HR@10", "NDCG@10", "auc")}
            )
            console.print(measured[-1])
        for metric in measured[0]:
            values = [values[metric] for values in measured]
            yield {
                "model": name,
                "dataset": settings["dataset"],
                "protocol": _PROTOCOLS[model.kind].format(split=settings["split"]),
                "metric": metric.upper(),
                "mean": round(float(np.mean(values)), 4),
                "std": round(float(np.std(values)), 4),
                "seeds": settings["seeds"],
                "published": None,
                "source": None,
                "command": " ".join(["python -m benchmarks.quality run", *sys.argv[2:]]),
                "commit": commit(),
                "machine": f"{os.cpu_count()} CPU, {platform.machine()}",
                "recipe": dataclasses.asdict(recipe),
            }
