"""What a model is measured on: rows with labels, candidates to rank, or a whole catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from scipy import special

from benchmarks.quality.metrics import at_cut, ranks_of_first
from recommenders_tf import evaluation
from recommenders_tf.data import EncodedLog, EventLog, RowSource
from recommenders_tf.evaluation.labelled import RATINGS, labelled_metrics
from recommenders_tf.metrics import auc, gauc, log_loss

_BLOCK_ROWS = 16384
_SURE = 0.01
"""A prediction by squared error is held this far from 0 and 1, where its LogLoss has no end."""


Values = dict[str, np.ndarray]
"""By name of the metric a value of each user `[users]`, or one of all `[]`."""


class HeldOut(Protocol):
    """A part of the data that measures a model, the metric to watch first."""

    def measure(self, model: Any) -> Values:
        """Return values by name of the metric; users are in the same order for all models."""
        ...


def means(values: Values) -> dict[str, float]:
    """Return the mean of each metric over the users."""
    return {name: float(np.mean(of, dtype=np.float64)) for name, of in values.items()}


@dataclasses.dataclass(frozen=True)
class Splits:
    """A data set as a protocol cuts it.

    Args:
        train: What models learn from.
        watched: What the best epoch is chosen on; None where the number of epochs is given.
        measured: What is reported.
        protocol: The cut in a sentence, for the table of results.
        drawn: What else is reported of the same model, ranked among items that are drawn: by its
            protocol in a sentence.
    """

    train: RowSource
    watched: HeldOut | None
    measured: HeldOut
    protocol: str
    drawn: Mapping[str, HeldOut] = dataclasses.field(default_factory=dict)

    @property
    def reported(self) -> dict[str, HeldOut]:
        """Return all that is reported of a model, by protocol."""
        return {self.protocol: self.measured, **self.drawn}


class LabelledRows:
    """Rows with a label: AUC, GAUC where users are known, and LogLoss.

    Args:
        rows: Encoded rows with a label.
        users: User of each row, for the AUC within users; None where there are none.
    """

    def __init__(self, rows: RowSource, users: np.ndarray | None = None) -> None:
        self.rows, self.users = rows, users

    def measure(self, model: Any) -> Values:
        """Return AUC, GAUC and LogLoss of the first label, and AUC of the others by name."""
        logits, labels = _predict(model, self.rows)
        first, target = logits[:, 0], labels[:, 0]
        values: dict[str, float] = {"AUC": auc(target, first)}
        if self.users is not None:
            values["GAUC"] = gauc(target, first, self.users)
        values["LogLoss"] = log_loss(target, _as_logits(model, first))
        for task in range(1, logits.shape[1]):
            name = self.rows.schema.labels[task].name
            values[f"AUC of {name}"] = auc(labels[:, task], logits[:, task])
        return _of_all(values)


class Candidates:
    """One right item among given wrong ones for each user: HR@10 and NDCG@10.

    Ties count against the model. A wrong candidate that is the right item itself, which published
    files contain, is left out, as in the program of the NCF paper.

    Args:
        rows: Encoded pairs, the candidates of one user after those of another, the right one first.
        items: Item of each pair, `[users, candidates]`.
    """

    def __init__(self, rows: RowSource, items: np.ndarray) -> None:
        self.rows, self.counts = rows, items != items[:, :1]

    def measure(self, model: Any) -> Values:
        """Return HR@10 and NDCG@10 of each user."""
        logits, _ = _predict(model, self.rows)
        ranks = ranks_of_first(logits.reshape(self.counts.shape), self.counts)
        return at_cut(ranks)


class Catalogue:
    """Held-out events of a log; a retrieval model ranks all items that the user has not seen.

    Args:
        log: Held-out events with their past.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log

    def measure(self, model: Any) -> Values:
        """Return HR@10 and NDCG@10 of each user, of a ranking model AUC."""
        if model.kind == "ranking":
            return _of_all(labelled_metrics(model, EncodedLog(self.log, model.tables), ("AUC",)))
        return Lists(self.log, evaluation.Protocol(), 10, ("HR", "NDCG")).measure(model)


@dataclasses.dataclass(frozen=True)
class Lists:
    """Held-out items of users, each user asked once for all of them.

    Args:
        log: Held-out events with their past.
        protocol: What the items are ranked among.
        k: Length of the lists.
        metrics: As `evaluation.evaluate` calls them.
        among: What their names have behind them, where it is not all items.
    """

    log: EventLog
    protocol: evaluation.Protocol
    k: int
    metrics: tuple[str, ...]
    among: str = ""

    def measure(self, model: Any) -> Values:
        """Return the metrics of each user at the length of the lists."""
        found = evaluation.evaluate(model, self.log, self.protocol, self.k, self.metrics)
        order = np.argsort(found.users)  # the same users may come in another order after a new draw
        return {f"{name}{self.among}": values[order] for name, values in found.per_user.items()}


class Ratings:
    """Held-out ratings of known users and items, in their own unit.

    Args:
        log: Held-out events, whose label is the rating.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log

    def measure(self, model: Any) -> Values:
        """Return RMSE and MAE; less is better, so they are not to be watched."""
        return _of_all(labelled_metrics(model, EncodedLog(self.log, model.tables), RATINGS))


def _predict(model: Any, rows: RowSource) -> tuple[np.ndarray, np.ndarray]:
    """Return logits `[rows, tasks]` and labels `[rows, labels]`."""
    forward = getattr(model, "task_logits", model)
    infer = tf.function(lambda batch: forward(batch, training=False), reduce_retracing=True)
    names = [column.name for column in rows.schema.labels]
    logits, labels = [], []
    for features, label in rows.batches(_BLOCK_ROWS, shuffle=False):
        by_name = label if isinstance(label, dict) else {names[0]: label}
        logits.append(infer(features))
        labels.append(tf.stack([by_name[name] for name in names], axis=1))
    return np.concatenate(logits), np.concatenate(labels)


def _of_all(values: Mapping[str, float]) -> Values:
    return {name: np.asarray(value) for name, value in values.items()}


def _as_logits(model: Any, scores: np.ndarray) -> np.ndarray:
    """Return the scores; of a model that predicts a 0 or 1 by squared error, their logits."""
    if not getattr(model, "predicts_ratings", False):
        return scores
    return special.logit(np.clip(scores, _SURE, 1.0 - _SURE))
