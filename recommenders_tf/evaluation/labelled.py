"""Metrics of scores against labels: events one by one, not lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf import metrics
from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.schema import Column, SchemaError

_BLOCK_ROWS = 4096

_OF_LOGITS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "AUC": metrics.auc,
    "LogLoss": metrics.log_loss,
    "ECE": lambda labels, logits: metrics.calibration_error(labels, tf.sigmoid(logits).numpy()),
}
_OF_RATINGS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "RMSE": metrics.rmse,
    "MAE": metrics.mae,
}
LABELLED = ("AUC", "GAUC", "LogLoss", "ECE")
"""Metrics of a model of the probability that the first label is 1."""

RATINGS = tuple(_OF_RATINGS)
"""Metrics of a model whose score is the label as the model learned it, such as stars."""


def labelled_metrics(model: Any, rows: EncodedLog, names: Sequence[str]) -> dict[str, float]:
    """Return metrics of the events of a log, each with its label.

    A label counts as its schema encodes it, which is what the model learned: 0 or 1 with
    `positive_from`, in its own unit without. Events without a rating have no part in RMSE and MAE.
    GAUC, the AUC among each user's own events, is left out where no user has events of both
    classes: it has no value there, as after a split that leaves every user one event.

    Args:
        model: Built; of ratings it must know raw ids.
        rows: Labelled events.
        names: Of `LABELLED` and `RATINGS`.

    Raises:
        SchemaError: The schema has no label, or one outside 0 … 1 for a metric of `LABELLED`.

    Example:
        >>> from recommenders_tf import data, models
        >>> train, test = data.load("synthetic").split("random")
        >>> encoded = data.encode(train)
        >>> model = models.LR(encoded.schema)
        >>> model.compile()
        >>> _ = model.fit(encoded, epochs=1, verbose=0)
        >>> sorted(labelled_metrics(model, data.EncodedLog(test, encoded.tables), ["AUC"]))
        ['AUC']
    """
    events, label = rows.log.events, rows.schema.label
    if label is None:
        raise SchemaError(
            f"`{rows.schema.name}` has no label to compare scores with, so there is no "
            f"{', '.join(names)}: add a column of kind `label`."
        )
    found: dict[str, float] = {}
    if ratings := [name for name in names if name in _OF_RATINGS]:
        # A retriever of ratings learns the events' own label, a ranker the first of all.
        own = next((c for c in rows.schema.labels if not c.is_derived), label)
        name = own.name if model.kind == "retrieval" else label.name
        targets = rows.columns([name])[name]
        known = ~np.isnan(targets)
        targets, predictions = targets[known], model.score(events[known])
        found |= {name: _OF_RATINGS[name](targets, predictions) for name in ratings}
    if names_of_logits := [name for name in names if name in LABELLED]:
        labels, logits = predict(model, rows)
        _check_probable(labels, label, names_of_logits[0])
        users = events[rows.schema.user_id.name].to_numpy()
        for name in names_of_logits:
            if name != "GAUC":
                found[name] = _OF_LOGITS[name](labels, logits)
            elif _has_both(labels, users):
                found[name] = metrics.gauc(labels, logits, users)
    return {name: found[name] for name in names if name in found}


def predict(model: Any, rows: EncodedLog) -> tuple[np.ndarray, np.ndarray]:
    """Return the first label and the model's logit of each event, float32 `[events]`."""
    name = rows.schema.labels[0].name
    # Past AutoGraph, which would read the model's code for seconds to no end.
    infer = tf.function(
        lambda batch: model(batch, training=False), autograph=False, reduce_retracing=True
    )
    labels, logits = [], []
    for features, label in rows.batches(_BLOCK_ROWS, shuffle=False):
        labels.append(label[name] if isinstance(label, dict) else label)
        logits.append(tf.reshape(infer(features), [-1]))
    return tf.concat(labels, axis=0).numpy(), tf.concat(logits, axis=0).numpy()


def _check_probable(labels: np.ndarray, column: Column, metric: str) -> None:
    """Raise a `SchemaError` unless all labels lie between 0 and 1, as probabilities do."""
    others = labels[~((labels >= 0) & (labels <= 1))]
    if len(others):
        raise SchemaError(
            f"`{metric}` compares with labels from 0 to 1, and the label `{column.name}` is "
            f"{others[0]:g}: give it `positive_from` in the schema, or ask for "
            f"{' and '.join(RATINGS)}."
        )


def _has_both(labels: np.ndarray, users: np.ndarray) -> bool:
    """Return whether some user has events of both classes."""
    positive, negative = np.unique(users[labels > 0]), np.unique(users[labels <= 0])
    return bool(np.isin(positive, negative).any())
