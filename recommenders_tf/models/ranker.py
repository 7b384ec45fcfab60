"""Ranking models: how likely it is that a user likes an item, from all features of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.data.encoded_log import EncodedLog
from recommenders_tf.data.event_log import EventLog
from recommenders_tf.evaluation.labelled import labelled_metrics
from recommenders_tf.models.base import BLOCK_ROWS, Recommender
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.schema import Column, FeatureSchema, SchemaError
from recommenders_tf.serving_graph import ServingGraph
from recommenders_tf.tasks.ranking_task import RankingTask


class Ranker(Recommender):
    """A model of the probability that a label is 1, trained with `tfrs.tasks.Ranking`.

    A subclass writes `call`, which returns logits. Of several labels it learns the first. Metrics
    of `compile` get that label and its probability, `[batch, 1]`.

    Attributes:
        learning_rate: Of the default optimizer.

    Raises:
        SchemaError: The schema has no label.
    """

    kind = "ranking"
    learning_rate: float = 0.001

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        if schema.label is None:
            raise SchemaError(
                f"Schema `{schema.name}` has no label: a ranker needs a column of kind `label`."
            )
        self.task = logistic_task("auc")

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return lazy Adam."""
        return LazyAdam(self.learning_rate)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean logistic loss of a batch of features and labels.

        Args:
            inputs: Features, labels and, if there are any, weights `[batch]` of the examples.
                Labels are a tensor `[batch]`, or tensors by name.
            training: Whether the model is trained.
        """
        features, labels, weights = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        logits = self(features, training=training)
        label = label_column(labels, self.schema.labels[0])
        loss = self.task(label, logits, sample_weight=weights)
        self.update_metrics(label, self.probabilities(logits), weights)
        return loss / tf.cast(tf.shape(label)[0], tf.float32)

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Return the probability of a logit."""
        return tf.sigmoid(logits)

    def score_tasks(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return what a server answers about encoded pairs: `score`, the probability `[batch]`."""
        return {"score": tf.squeeze(self.probabilities(self(features)), axis=-1)}

    def serving_graph(self) -> ServingGraph:
        """Return the graph that answers raw requests."""
        if self._graph is None:
            self._set_serving(self.tables, ServingGraph(self.tables, ranker=self))
        assert self._graph is not None
        return self._graph

    def evaluate(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Evaluate on labelled events, or as Keras does.

        Args:
            x: `EventLog` or `EncodedLog` of labelled events; anything else goes to
                `tf.keras.Model.evaluate`.
            *args: Of `tf.keras.Model.evaluate`.
            **kwargs: Likewise.

        Returns:
            Of a log, metric values by name: `loss` and `auc`. Of an `EventLog` also `log_loss`, the
            mean over all events without penalties, and `gauc`, the AUC among each user's own
            events, if some user has events of both classes.
        """
        if isinstance(x, EventLog):
            rows = EncodedLog(x, self.tables)
            values = self.evaluate(rows, *args, **kwargs)
            if not isinstance(values, dict):
                return values
            more = labelled_metrics(self, rows, ["LogLoss", "GAUC"])
            names = {"LogLoss": "log_loss", "GAUC": "gauc"}
            return values | {names[name]: value for name, value in more.items()}
        if isinstance(x, EncodedLog):
            return super().evaluate(
                x.batches(BLOCK_ROWS, shuffle=False), *args, **{"return_dict": True, **kwargs}
            )
        return super().evaluate(x, *args, **kwargs)


def logistic_task(metric: str) -> RankingTask:
    """Return the task of a label that is 0 or 1: its logistic loss, summed, and its AUC.

    Args:
        metric: Name of the AUC.
    """
    return RankingTask(
        loss=tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum"),
        metrics=[tf.keras.metrics.AUC(name=metric, from_logits=True)],
    )


def label_column(labels: tf.Tensor | Mapping[str, tf.Tensor], column: Column) -> tf.Tensor:
    """Return a label of a batch, float32 `[batch, 1]`.

    Args:
        labels: The only label, `[batch]`, or labels by name.
        column: The label.

    Raises:
        SchemaError: The batch lacks it.
    """
    if isinstance(labels, Mapping):
        if column.name not in labels:
            raise SchemaError(
                f"The batch lacks the label `{column.name}`; it has "
                f"{', '.join(labels) or 'none'}: give every label that the model learns."
            )
        labels = labels[column.name]
    return tf.reshape(tf.cast(labels, tf.float32), [-1, 1])
