"""All that a report says, as JSON values: the page shows nothing that is not in here."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.comparison import compare
from recommenders_tf.evaluation.protocol import Protocol
from recommenders_tf.evaluation.report.compared_model import ComparedModel
from recommenders_tf.evaluation.report.examples import example_lists
from recommenders_tf.evaluation.report.groups import by_item_popularity, by_user_activity


def gather_facts(
    models: Sequence[ComparedModel],
    train: EventLog,
    test: EventLog,
    confidence: float = 0.95,
    num_examples: int = 3,
) -> dict[str, Any]:
    """Return what there is to say of models that were trained and measured on the same events.

    The first metric that users have is the one that models are held against each other by: tests
    of several would have to be corrected for their number, too.

    Args:
        models: At least two, in the order of the report; the first is what others are held against
            beside the best.
        train: What they learned from.
        test: What they were measured on, with its past.
        confidence: Of the intervals of means.
        num_examples: Users to show lists of.

    Returns:
        JSON values: `data`, `protocol`, `asked`, `confidence`, `models`; and if models retrieve
        `metric`, `differences` from the `best` and the `first`, `by_activity`, `by_popularity` and
        `examples`.

    Raises:
        ValueError: There are fewer than two models, two have one name, or their protocols or data
            differ.

    Example:
        >>> import recommenders_tf as rtf
        >>> from recommenders_tf.evaluation import evaluate
        >>> from recommenders_tf.evaluation.report import Lists
        >>> train, test = rtf.data.load("synthetic").split()
        >>> encoded, compared = rtf.data.encode(train), []
        >>> for cls in (rtf.models.Popularity, rtf.models.MF):
        ...     model = cls(encoded.schema, name=cls.info.name)
        ...     model.compile()
        ...     history = model.fit(encoded, epochs=1, verbose=0).history
        ...     found = evaluate(model, test, Protocol(), metrics=["NDCG"])
        ...     lists = Lists.of(model, test, Protocol(), k=10)
        ...     compared.append(ComparedModel({"model": model.name}, history, found, lists))
        >>> facts = gather_facts(compared, train, test)
        >>> facts["metric"], len(facts["models"]), len(facts["examples"])
        ('NDCG@10', 2, 3)
    """
    names = [model.name for model in models]
    if len(set(names)) != len(names) or len(names) < 2:
        raise ValueError(
            "A report compares two models or more, each with a name of its own. Received: "
            f"{', '.join(names) or 'none'}."
        )
    retrievers = [model for model in models if model.kind == "retrieval"]
    rankers = [model for model in models if model.kind == "ranking"]
    for first, *others in filter(None, (retrievers, rankers)):
        for other in others:
            first.evaluation.check_comparable(other.evaluation)
    asked = (retrievers or rankers)[0].evaluation
    protocol = _without_folders(asked.protocol)
    facts = {
        "data": {**asked.data, "train_events": len(train)},
        "protocol": protocol.to_dict(),
        "asked": protocol.describe(),
        "confidence": confidence,
        "models": [_model(model, confidence) for model in models],
    }
    if not retrievers:
        return facts
    return facts | _of_retrievers(retrievers, train, test, confidence, num_examples)


def leading_metric(model: ComparedModel) -> str:
    """Return the metric that models are held against each other by: the first that users have.

    Raises:
        ValueError: Users have none.
    """
    names = list(model.evaluation.per_user)
    if not names:
        raise ValueError(
            f"No metric of `{model.name}` is one that each user has, so models can't be told apart "
            "by chance: ask for one such as NDCG, too."
        )
    return names[0]


def _of_retrievers(
    models: Sequence[ComparedModel],
    train: EventLog,
    test: EventLog,
    confidence: float,
    num_examples: int,
) -> dict[str, Any]:
    evaluations = [model.evaluation for model in models]
    metric = leading_metric(models[0])
    k = int(metric.partition("@")[2])
    past = test.events.iloc[:0] if test.past is None else test.past
    counts = past[test.schema.user_id.name].value_counts()
    activity = np.asarray(counts.reindex(evaluations[0].users, fill_value=0), np.int64)
    differences = {}
    if len(models) > 1:
        best = max(evaluations, key=lambda one: one.metrics[metric])
        against = {"best": best, "first": evaluations[0]}
        for name, one in against.items():
            table = compare(evaluations, metric, one.model)
            differences[name] = _records(table.drop(columns=["mean", "low", "high"]))
    return {
        "metric": metric,
        "differences": differences,
        "by_activity": by_user_activity(models, activity, metric, confidence),
        "by_popularity": by_item_popularity(models, train, test, k, confidence),
        "examples": example_lists(models, test, activity, num_examples, k),
    }


def _model(model: ComparedModel, confidence: float) -> dict[str, Any]:
    settings: Mapping[str, Any] = model.settings
    shown = {name: settings[name] for name in ("parameters", "training") if name in settings}
    return {
        "name": model.name,
        "model": settings["model"],
        "kind": model.kind,
        **_names_alone(shown),
        "history": dict(model.history),
        "metrics": model.evaluation.metrics,
        "intervals": {
            name: list(bounds) for name, bounds in model.evaluation.intervals(confidence).items()
        },
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values, None where there is no number."""
    return json.loads(table.to_json(orient="records", double_precision=15))


def _without_folders(protocol: Protocol) -> Protocol:
    """Return a protocol whose files are named alone: a report may be sent elsewhere."""
    split, candidates = protocol.split, protocol.candidates
    if split.folds:
        split = dataclasses.replace(split, folds=pathlib.Path(split.folds).name)
    if candidates.file:
        candidates = dataclasses.replace(candidates, file=pathlib.Path(candidates.file).name)
    return dataclasses.replace(protocol, split=split, candidates=candidates)


def _names_alone(value: Any) -> Any:
    """Return JSON values with the names of files in place of whole paths."""
    if isinstance(value, Mapping):
        return {key: _names_alone(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_names_alone(part) for part in value]
    if isinstance(value, str) and pathlib.PurePath(value).is_absolute():
        return pathlib.PurePath(value).name
    return value
