"""Metrics of scores against labels: events one by one, not lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf import metrics
from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.schema import SchemaError

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
"""Metrics of a model whose score is the first label in its own unit, such as stars."""


def labelled_metrics(model: Any, rows: EncodedLog, names: Sequence[str]) -> dict[str, float]:
    """Return metrics of the events of a log, each with its label.

    GAUC, the AUC among each user's own events, is left out where no user has events of both
    classes: it has no value there, as after a split that leaves every user one event.

    Args:
        model: Built; of ratings it must know raw ids.
        rows: Labelled events.
        names: Of `LABELLED` and `RATINGS`.

    Raises:
        SchemaError: The schema has no label.

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
        targets, predictions = events[label.raw_name].to_numpy(), model.score(events)
        found |= {name: _OF_RATINGS[name](targets, predictions) for name in ratings}
    if names_of_logits := [name for name in names if name in LABELLED]:
        labels, logits = predict(model, rows)
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


def _has_both(labels: np.ndarray, users: np.ndarray) -> bool:
    """Return whether some user has events of both classes."""
    positive, negative = np.unique(users[labels > 0]), np.unique(users[labels <= 0])
    return bool(np.isin(positive, negative).any())
