"""A table of results as a YAML file says it: data, seeds, training, models, published figures."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import yaml

from recommenders_tf.training import TrainingConfig


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one model is built and trained: what makes two runs the same run.

    Args:
        model: Registry name.
        training: How it is trained; `patience` counts epochs on the watched part.
        hyper_parameters: Arguments of the constructor.
        reduce_rate: What an epoch without a better value multiplies the learning rate by.
        embedding_scale: What the first values of all embeddings are multiplied by.
    """

    model: str
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    hyper_parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    reduce_rate: float = 1.0
    embedding_scale: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as rows keep it: of the training, what is not the default."""
        default = dataclasses.asdict(TrainingConfig())
        chosen = dataclasses.asdict(self.training)
        training = {key: value for key, value in chosen.items() if value != default[key]}
        said = {**dataclasses.asdict(self), "training": training}
        if self.embedding_scale == 1.0:
            del said["embedding_scale"]  # rows from before it was there are of the same recipe
        return said


@dataclasses.dataclass(frozen=True)
class Entry:
    """One model of a table.

    Args:
        name: As the table calls it; the registry name unless a config has a model twice.
        recipe: How it is trained.
        published: Published values by metric.
        source: Where they are published.
        seeds: Seeds of the runs; one of a model that is counted or solved without a draw.
        note: What the page of results says of it: why it is below a published figure, above all.
    """

    name: str
    recipe: Recipe
    published: dict[str, float]
    source: str | None
    seeds: tuple[int, ...]
    note: str | None


@dataclasses.dataclass(frozen=True)
class Config:
    """One table of results.

    Args:
        dataset: Name of the data, see `datasets`.
        entries: The models.
        file: Name of the file.
    """

    dataset: str
    entries: tuple[Entry, ...]
    file: str

    @classmethod
    def load(cls, path: pathlib.Path) -> Config:
        """Read a config; what it says of all models holds where a model says nothing else.

        Raises:
            ValueError: A key is unknown.
        """
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        _check(path.name, values, {"dataset", "seeds", "source", "models", *_SHARED})
        entries = tuple(
            _entry(f"{path.name}, {name}", name, values, own or {})
            for name, own in values["models"].items()
        )
        return cls(values["dataset"], entries, path.name)

    def entry(self, name: str) -> Entry:
        """Return one of the models.

        Raises:
            ValueError: There is none of that name.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries)
        raise ValueError(f"{self.file} has no model `{name}`; it has {known}.")


_SHARED = ("training", "hyper_parameters", "reduce_rate", "embedding_scale")


def _entry(where: str, name: str, values: dict[str, Any], own: dict[str, Any]) -> Entry:
    _check(where, own, {"model", "published", "source", "seeds", "note", *_SHARED})
    shared = {key: values[key] for key in _SHARED if key in values}
    merged = shared | {key: own[key] for key in _SHARED if key in own}
    for key in ("training", "hyper_parameters"):
        merged[key] = {**shared.get(key, {}), **own.get(key, {})}
    merged["training"] = TrainingConfig(**merged["training"])
    recipe = Recipe(own.get("model", name), **merged)
    published = own.get("published", {})
    source = own.get("source", values.get("source")) if published else None
    seeds = tuple(own.get("seeds", values["seeds"]))
    return Entry(name, recipe, published, source, seeds, own.get("note"))


def _check(where: str, values: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(values) - known):
        raise ValueError(
            f"{where} has the key `{unknown[0]}`; known are {', '.join(sorted(known))}."
        )
