"""Searches the hyper-parameters of a model, on validation events alone."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pandas as pd

from recommenders_tf import registry
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.protocol import differences
from recommenders_tf.search_space import Choice, Range, SearchSpace
from recommenders_tf.training.cluster import Cluster
from recommenders_tf.training.config import TrainingConfig
from recommenders_tf.training.model_config import ModelConfig
from recommenders_tf.tuning.search import Found, Search, SearchConfig, Trial
from recommenders_tf.tuning.trial_runner import TrialRunner, is_solved
from recommenders_tf.tuning.workers import workers

_SEARCH_FILE = "search.json"
_DEFAULT = SearchConfig()


def search_space(base: ModelConfig) -> dict[str, Range | Choice]:
    """Return what the model of a config declares for a search, but what the config sets.

    Args:
        base: The config.

    Example:
        >>> list(search_space(ModelConfig("bpr", {"embedding_dim": 32})))
        ['learning_rate', 'l2', 'init_stddev']
    """
    default = TrainingConfig()
    declared = registry.get(base.model).info.search_space
    own = registry.hyper_parameters(registry.get(base.model))
    return {
        name: values
        for name, values in declared.items()
        if name not in base.parameters
        and (name in own or getattr(base.training, name) == getattr(default, name))
    }


def tune(
    base: ModelConfig,
    train: EventLog,
    validation: EventLog,
    folder: str | pathlib.Path,
    search: SearchConfig = _DEFAULT,
    space: SearchSpace | None = None,
    report: Callable[[Trial], None] = lambda trial: None,
) -> Found:
    """Try hyper-parameters, and keep the best in `best.yaml`.

    The first trial has the defaults. Every trial trains on the same events with the same seed and
    is judged by its best epoch on the validation events, by NDCG@10 over the full catalogue if the
    model retrieves and by AUC if it ranks. A search that was killed goes on from its folder, in the
    middle of the trials that were running; one that has ended goes on with more `trials`.

    Args:
        base: The model, what is not searched for, and how to train: `epochs` are the most of a
            trial, which `patience` ends sooner.
        train: Events to train on.
        validation: Events to measure on, with their past.
        folder: Where the search is kept, and each trial with its history, log and TensorBoard.
        search: How to search.
        space: What to try, by argument of the model or field of `TrainingConfig`; None takes
            `search_space(base)`.
        report: Is called with each trial when it ends, and at once with those of the folder.

    Raises:
        ValueError: There is nothing to try, or the folder holds another search.
        RuntimeError: No trial succeeded, or the process of one was ended from outside.

    Example:
        >>> import tempfile
        >>> from recommenders_tf import data
        >>> parts = data.synthetic(num_users=50, num_items=30, num_events=700).split()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = tune(ModelConfig("ease"), *parts, folder, SearchConfig(trials=2))
        >>> found.metric, list(found.best.parameters)
        ('NDCG@10', ['l2'])
    """
    space = search_space(base) if space is None else space
    if not space:
        raise ValueError(f"`{base.model}` has nothing to tune that is not set already.")
    if Cluster.from_environment():
        raise ValueError("A search runs on one machine: unset TF_CONFIG, and take more `workers`.")
    if search.method == "hyperband" and is_solved(base.model):
        raise ValueError(
            f"`{base.model}` is solved at once and has no epochs for `hyperband` to divide: search "
            "by `random` or `bayesian`."
        )
    folder = pathlib.Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    _check_same_search(folder, _facts(base, train, validation, search, space))
    runner = TrialRunner(base, train, validation)
    running = Search(runner, folder, search, space, report)
    with workers(runner, search.workers) as submit:
        running.finish(submit)
    return running.found()


def _facts(
    base: ModelConfig,
    train: EventLog,
    validation: EventLog,
    search: SearchConfig,
    space: SearchSpace,
) -> dict[str, Any]:
    """Return what makes two searches one, as JSON has it."""
    facts = {
        **base.to_dict(),
        "method": search.method,
        "seed": search.seed,
        "space": {name: dataclasses.asdict(values) for name, values in space.items()},
        "data": {
            name: f"{len(log)} events of {log.schema.name}, digest {_digest(log)}"
            for name, log in (("train", train), ("validation", validation))
        },
    }
    return dict(json.loads(json.dumps(facts, default=str)))


def _digest(log: EventLog) -> str:
    pairs = log.events[[log.schema.user_id.name, log.schema.item_id.name]]
    return f"{int(pd.util.hash_pandas_object(pairs, index=False).to_numpy().sum()):016x}"


def _check_same_search(folder: pathlib.Path, facts: dict[str, Any]) -> None:
    """Raise a `ValueError` if a folder holds another search; an empty one holds this from now."""
    file = folder / _SEARCH_FILE
    if not file.exists():
        file.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    elif found := differences(json.loads(file.read_text("utf-8")), facts):
        raise ValueError(
            f"`{folder}` holds another search, which differs in {found[0]}: remove it, or give "
            "another folder."
        )
