"""The runs of a comparison: each in a folder of its own, and done once."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recommenders_tf import registry
from recommenders_tf.cli import hyper_parameters
from recommenders_tf.cli.console import note, working
from recommenders_tf.cli.data_options import DataOptions
from recommenders_tf.cli.metric_options import MetricOptions
from recommenders_tf.cli.runs import MODEL_FILE, SETTINGS_FILE, Run, write_json
from recommenders_tf.training.model_config import ModelConfig

if TYPE_CHECKING:
    from recommenders_tf.data import EncodedLog, EventLog
    from recommenders_tf.evaluation import Protocol
    from recommenders_tf.evaluation.report import ComparedModel
    from recommenders_tf.models.base import Recommender

_LISTS = ("NDCG", "HR", "Recall", "Precision", "MAP", "MRR", "Coverage", "Novelty")
_DEFAULTS = {
    "retrieval": (*_LISTS, "PopularityBias"),
    "ranking": ("AUC", "GAUC", "LogLoss", "ECE"),
}


class Cut:
    """Parts of the events, encoded once.

    Args:
        parts: Training events, those of validation if there are some, and test events.
    """

    def __init__(self, parts: tuple[EventLog, ...]) -> None:
        self.parts = parts
        self.train, *validation, self.test = parts
        self.validation = validation[0] if validation else None

    @functools.cached_property
    def encoded(self) -> EncodedLog:
        """The training events."""
        from recommenders_tf import data

        with working("Encoding the events"):
            return data.encode(self.train)


class ComparedRuns:
    """Trains and measures models on one cut of the events.

    Args:
        chosen: What `entrants` returned.
        log: All events.
        source: Where they come from.
        protocol: How to cut them, and what to ask.
        measured: What to measure.

    Raises:
        ValueError: A metric or a hyper-parameter is unknown, no metric is left for a kind of model,
            or labels are missing.
    """

    def __init__(
        self,
        chosen: Mapping[str, ModelConfig],
        log: EventLog,
        source: DataOptions,
        protocol: Protocol,
        measured: MetricOptions,
    ) -> None:
        from recommenders_tf.evaluation.evaluator import check_names

        self._chosen, self._protocol, self._measured = chosen, protocol, measured
        self._source, self._log = source, log
        check_names(measured.metrics or [])
        for label in chosen:
            self._check(label)

    @functools.cached_property
    def plain(self) -> Cut:
        """The events as they are."""
        validates = any(c.training.patience is not None for c in self._chosen.values())
        return Cut(self._protocol.cut(self._log, validates))

    @functools.cached_property
    def labelled(self) -> Cut:
        """The same with drawn negatives, if there are to be some: for models that rank."""
        parts = self._source.with_negatives(self.plain.parts)
        return self.plain if parts is self.plain.parts else Cut(parts)

    def run(self, folder: pathlib.Path) -> list[ComparedModel]:
        """Return the models, trained and measured, or as an earlier call left them.

        Args:
            folder: It gets a folder for each.
        """
        found = []
        for number, label in enumerate(self._chosen, 1):
            note(f"Model {number} of {len(self._chosen)}: {label}.")
            found.append(self._compared(label, folder / label))
        return found

    def _check(self, label: str) -> None:
        """Raise a `ValueError` if a model can not be trained or measured."""
        from recommenders_tf.evaluation.evaluator import RANKING

        config, cls = self._chosen[label], registry.get(self._chosen[label].model)
        hyper_parameters.convert(cls, config.parameters)
        kinds = {registry.get(other.model).kind for other in self._chosen.values()}
        source = self._source
        if cls.kind == "retrieval" and "ranking" in kinds:
            source = dataclasses.replace(source, sampled_negatives=0)  # those are for the others
        source.check_labels(self._log, cls)
        names = self._metrics(cls.kind)
        if not names or (cls.kind == "retrieval" and not set(names) & set(RANKING)):
            wanted = RANKING if cls.kind == "retrieval" else _DEFAULTS["ranking"]
            raise ValueError(
                f"`{label}` is a model of kind {cls.kind}, and no --metric tells such models "
                f"apart: add one of {', '.join(wanted)}."
            )

    def _metrics(self, kind: str) -> list[str]:
        """Return what models of a kind are measured by."""
        from recommenders_tf.evaluation.evaluator import METRICS

        names = self._measured.metrics or _DEFAULTS[kind]
        return [name for name in names if name in METRICS[kind]]

    def _compared(self, label: str, folder: pathlib.Path) -> ComparedModel:
        """Return a model with all that the report says of it."""
        from recommenders_tf import evaluation
        from recommenders_tf.evaluation.report import ComparedModel, Lists

        config = self._chosen[label]
        kind = registry.get(config.model).kind
        cut = self.labelled if kind == "ranking" else self.plain
        how_cut = dataclasses.replace(
            self._protocol, candidates=evaluation.Candidates(), exclude_seen=True
        )
        trained = {
            "model": config.model,
            "parameters": dict(config.parameters),
            "training": dataclasses.asdict(config.training),
            "data": self._source.to_dict(),
            "protocol": how_cut.to_dict(),
            "events": {"train": len(cut.train), "test": len(cut.test)},
        }
        names, lengths = self._metrics(kind), self._measured.lengths
        asked = {"protocol": self._protocol.to_dict(), "metrics": names, "lengths": lengths}
        settings = {**trained, **asked}
        if found := ComparedModel.load(folder, settings):
            note("It was trained and measured before.")
            return found
        model = _trained(config, cut, folder, trained)
        with working(f"Measuring on {len(cut.test):,} events"):
            result = evaluation.evaluate(model, cut.test, self._protocol, lengths, names)
            lists = None
            if kind == "retrieval":
                lists = Lists.of(model, cut.test, self._protocol, max(lengths))
        result = dataclasses.replace(result, model=label)
        found = ComparedModel(settings, _history(folder), result, lists)
        found.save(folder)
        return found


def _trained(
    config: ModelConfig, cut: Cut, folder: pathlib.Path, settings: dict[str, Any]
) -> Recommender:
    """Return a trained model: that of the folder, if it was trained with these settings."""
    from recommenders_tf import training

    settings_file = folder / SETTINGS_FILE
    if settings_file.is_file() and json.loads(settings_file.read_text("utf-8")) == settings:
        note("It was trained before.")
        return Run.find(folder).load()
    folder.mkdir(parents=True, exist_ok=True)
    settings_file.unlink(missing_ok=True)  # it says that the model beside it is whole
    cls = registry.get(config.model)
    strategy = training.prepare(config.training)
    with strategy.scope():
        model = cls(cut.encoded.schema, **hyper_parameters.convert(cls, config.parameters))
        training.compile_model(model, config.training)
    judge = cut.validation if config.training.patience is not None else None
    try:
        training.train(model, cut.encoded, config.training, folder, judge)
    except KeyboardInterrupt:
        note("Stopped. The same command goes on from the last backup.")
        raise
    model.save(folder / MODEL_FILE)
    write_json(settings_file, settings)
    return model


def _history(folder: pathlib.Path) -> dict[str, list[float | None]]:
    """Return the metrics of the epochs by name, None for what became no number."""
    import pandas as pd

    from recommenders_tf.training.run import HISTORY_FILE

    # Keras keeps a column of validation for every metric, be it measured or not.
    table = pd.read_csv(folder / HISTORY_FILE).drop(columns="epoch").dropna(axis=1, how="all")
    return {
        str(name): [None if math.isnan(value) else value for value in values.tolist()]
        for name, values in table.items()
    }
