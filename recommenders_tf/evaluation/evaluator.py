"""Measures a model by a protocol: lists over the catalogue, scores against labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from recommenders_tf import metrics
from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.beyond_accuracy import (
    LISTS,
    item_categories,
    item_popularity,
    list_metric,
)
from recommenders_tf.evaluation.labelled import LABELLED, RATINGS, labelled_metrics
from recommenders_tf.evaluation.protocol import Protocol
from recommenders_tf.evaluation.questions import Questions
from recommenders_tf.evaluation.ranks import ranked_lists
from recommenders_tf.evaluation.result import Evaluation
from recommenders_tf.serving_tables import UNKNOWN_ROW, ServingTables

RANKING: dict[str, Callable[..., tf.Tensor]] = {
    "HR": metrics.hit_rate,
    "Recall": metrics.recall,
    "Precision": metrics.precision,
    "NDCG": metrics.ndcg,
    "MAP": metrics.average_precision,
    "MRR": metrics.reciprocal_rank,
}
"""Metrics of where each user's held-out items stand."""

DEFAULTS = {"retrieval": tuple(RANKING), "ranking": LABELLED}
"""What a model of each kind is measured by."""

METRICS = {"retrieval": (*RANKING, *LISTS, *RATINGS), "ranking": (*LABELLED, *RATINGS)}
"""What makes sense of a model of each kind."""


def evaluate(
    model: Any,
    test: EventLog,
    protocol: Protocol,
    k: int | Sequence[int] = (10,),
    metrics: Sequence[str] | None = None,
    vectors: npt.ArrayLike | None = None,
) -> Evaluation:
    """Measure a model on held-out events.

    Each user with held-out events is one question, and all items of these are its right answers;
    metrics of lists are means over users. The items of an event that are not in the catalogue, and
    those that the user had met where they are left out, count as missed. A context column has the
    value of the user's first held-out event. Metrics of labels and ratings are of events.

    Args:
        model: Recommender that was trained on the training part of the protocol.
        test: The test part, with its past.
        protocol: How the log was cut, and what to ask.
        k: Length of the lists, or several.
        metrics: Names: of lists `HR`, `Recall`, `Precision`, `NDCG`, `MAP`, `MRR`, and beyond
            accuracy `Coverage`, `Gini`, `Novelty`, `Serendipity`, `Diversity`, `PopularityBias`;
            of labels `AUC`, `GAUC`, `LogLoss`, `ECE`; of ratings `RMSE`, `MAE`. None takes the
            first six of a model that retrieves, and those of labels of one that ranks.
        vectors: For `Diversity`: what items are like, one row an item in the order of the model's
            table of items `[items, dim]`. None takes their categories.

    Returns:
        Values by name, those of lists with their length: `NDCG@10`.

    Raises:
        ValueError: A metric is unknown or asks for another kind of model, or k is below 1.
        LeakError: The model has learned from held-out events.
        SchemaError: The schema has no label, or no categories, that a metric needs.

    Example:
        >>> from recommenders_tf import data, models
        >>> protocol = Protocol()
        >>> train, test = protocol.cut(data.load("synthetic"))
        >>> encoded = data.encode(train)
        >>> model = models.Popularity(encoded.schema)
        >>> model.compile()
        >>> _ = model.fit(encoded, verbose=0)
        >>> found = evaluate(model, test, protocol, k=(5, 10), metrics=("HR", "Coverage"))
        >>> list(found.metrics)
        ['HR@5', 'HR@10', 'Coverage@5', 'Coverage@10']
    """
    cuts = [k] if isinstance(k, int) else list(k)
    names = list(DEFAULTS[model.kind] if metrics is None else metrics)
    _check(names, cuts, model)
    found = Evaluation(
        model.name, protocol, _facts(test, model.tables), np.zeros(0, object), {}, {}
    )
    if any(name in RANKING or name in LISTS for name in names):
        found = _of_lists(found, model, test, cuts, names, vectors)
    if labelled := [name for name in names if name in LABELLED or name in RATINGS]:
        values = labelled_metrics(model, EncodedLog(test, model.tables), labelled)
        found = dataclasses.replace(found, overall={**found.overall, **values})
    return found


def check_names(names: Sequence[str]) -> None:
    """Make sure that there are metrics of these names.

    Args:
        names: Names without a length, such as `NDCG`.

    Raises:
        ValueError: There is no metric of a name.

    Example:
        >>> check_names(["NDCG", "AUC"])
    """
    known = (*RANKING, *LISTS, *LABELLED, *RATINGS)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"There is no metric `{unknown[0]}`; there are {', '.join(known)}.")


def _check(names: Sequence[str], cuts: Sequence[int], model: Any) -> None:
    """Raise a `ValueError` if a metric is unknown or not for the model, or a cut is too small."""
    check_names(names)
    if not cuts or min(cuts) < 1:
        raise ValueError(
            f"`k` must be at least 1. Received: {', '.join(map(str, cuts)) or 'none'}."
        )
    of_lists = [name for name in names if name in RANKING or name in LISTS]
    if of_lists and model.kind != "retrieval":
        raise ValueError(
            f"`{model.name}` is a model of kind {model.kind}, which finds no items of its own, so "
            f"it has no `{of_lists[0]}`; ask for {', '.join(LABELLED)}."
        )


def _of_lists(
    found: Evaluation,
    model: Any,
    test: EventLog,
    cuts: Sequence[int],
    names: Sequence[str],
    vectors: npt.ArrayLike | None,
) -> Evaluation:
    """Return the evaluation with the metrics of lists."""
    graph = model.serving_graph()
    questions = Questions.of(graph, test)
    relevance, rows = ranked_lists(graph, questions, found.protocol, max(cuts))
    per_user = {
        f"{name}@{cut}": np.asarray(
            RANKING[name](relevance[:, :cut], questions.num_relevant), np.float64
        )
        for name in names
        if name in RANKING
        for cut in cuts
    }
    overall: dict[str, float] = {}
    if beyond := [name for name in names if name in LISTS]:
        popularity = item_popularity(model.tables)
        if "Diversity" in beyond and vectors is None:
            vectors = item_categories(model.tables)
        lists = np.where(rows > UNKNOWN_ROW, rows - 1, -1)  # positions in the catalogue
        overall = {
            f"{name}@{cut}": list_metric(
                name, lists[:, :cut], relevance[:, :cut], popularity, vectors
            )
            for name in beyond
            for cut in cuts
        }
    return dataclasses.replace(found, users=questions.users, per_user=per_user, overall=overall)


def _facts(test: EventLog, tables: ServingTables) -> dict[str, Any]:
    """Return what tells data apart: name, sizes, and a digest of the held-out pairs."""
    names = [test.schema.user_id.name, test.schema.item_id.name]
    hashes = pd.util.hash_pandas_object(test.events[names], index=False).to_numpy()
    return {
        "name": test.schema.name,
        "test_events": len(test),
        "past_events": len(tables.events) if test.past is None else len(test.past),
        "users": int(test.events[names[0]].nunique()),
        "items": tables.items.size - 1,
        "digest": f"{int(hashes.sum()):016x}",
    }
