"""A tiny log, its files, and configs for it."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
import tensorflow as tf

from recommenders_tf import data
from recommenders_tf.data import EventLog
from recommenders_tf.typed_config import from_dict
from tfx_pipeline.config import CleaningLimits, FilesConfig, PipelineConfig, SplitConfig
from tfx_pipeline.make_examples import ExampleGenConfig, MakeExamples
from tfx_pipeline.reading import find_spec

FILES = {"events": "events.csv", "users": "users.csv", "items": "items.csv"}

Examples = dict[str, list[dict[str, list[Any]]]]


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """Hide what TFX and Beam log."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def log() -> EventLog:
    """A log in which some prices are missing and some events share their second."""
    made = data.synthetic(num_users=80, num_items=50, num_events=1600, seed=4)
    items = made.items.assign(price=made.items["price"].where(made.items.index % 7 > 0))
    times = made.events["timestamp"] // 500_000 * 500_000
    return dataclasses.replace(made, events=made.events.assign(timestamp=times), items=items)


@pytest.fixture
def folder(log: EventLog, tmp_path: pathlib.Path) -> pathlib.Path:
    """The files of the log."""
    return data.write_files(log, tmp_path / "data")


@pytest.fixture(scope="session")
def settings() -> Callable[..., ExampleGenConfig]:
    """Make an `ExampleGenConfig` for files in a folder."""

    def make(
        log: EventLog, quarantine: pathlib.Path, files: dict[str, str] = FILES, **values: Any
    ) -> ExampleGenConfig:
        return ExampleGenConfig(
            dataset=None,
            files=FilesConfig(**files),
            split=values.pop("split", SplitConfig()),
            cleaning=values.pop("cleaning", CleaningLimits()),
            shards=3,
            schema=log.schema.to_dict(),
            quarantine_dir=str(quarantine),
        )

    return make


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., Examples]:
    """Run the Beam transform and return the examples of each split as plain values."""

    def run(
        log: EventLog, folder: pathlib.Path, config: ExampleGenConfig, options: str = ""
    ) -> Examples:
        spec = find_spec(config.dataset, config.files, log.schema, str(folder))
        prefix = pathlib.Path(config.quarantine_dir) / "examples"
        with beam.Pipeline(argv=options.split()) as pipeline:
            for split, examples in (pipeline | MakeExamples(spec, config)).items():
                _ = examples | f"Write {split}" >> beam.io.WriteToTFRecord(f"{prefix}-{split}")
        return {
            split: [
                plain(record)
                for path in sorted(prefix.parent.glob(f"examples-{split}-*"))
                for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
            ]
            for split in ("train", "eval", "items", "users")
        }

    return run


def plain(serialized: bytes) -> dict[str, list[Any]]:
    """Return a tf.Example as lists of Python values."""
    example = tf.train.Example.FromString(serialized)
    return {
        name: [
            value.decode() if isinstance(value, bytes) else value
            for value in getattr(feature, feature.WhichOneof("kind")).value
        ]
        if feature.WhichOneof("kind")
        else []
        for name, feature in example.features.feature.items()
    }


@pytest.fixture(scope="session")
def pipeline_config() -> Callable[..., PipelineConfig]:
    """Make a config that trains for a moment."""

    def make(folder: pathlib.Path, root: pathlib.Path, **changes: Any) -> PipelineConfig:
        values = {
            "name": "tiny",
            "data": {
                "files": FILES,
                "schema": str(folder / "schema.yaml"),
                "data_dir": str(folder),
                "shards": 2,
            },
            "retriever": {
                "model": "two_tower",
                "parameters": {"embedding_dim": 8},
                "training": {"epochs": 1, "batch_size": 256},
            },
            "ranker": {
                "model": "wide_deep",
                "parameters": {"embedding_dim": 4, "hidden_units": [8]},
                "training": {"epochs": 1, "batch_size": 256},
            },
            "num_retrieved": 20,
            "evaluation": {"hit_rate": 0.01, "auc": 0.3, "max_drop": 0.5, "slices": ["gender"]},
            "pipeline_root": str(root / "pipeline"),
            "serving_dir": str(root / "models"),
        }
        return from_dict(PipelineConfig, values | changes)

    return make


@pytest.fixture(autouse=True)
def _logs_again() -> Iterator[None]:
    """Undo what the command does to the logs of its process, for the tests that come after."""
    yield
    logging.disable(logging.NOTSET)
