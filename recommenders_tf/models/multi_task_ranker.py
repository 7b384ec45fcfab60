"""Ranking models of several labels: how likely each of them is, from one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.models.ranker import Ranker, label_column, logistic_task
from recommenders_tf.schema import FeatureSchema


class MultiTaskRanker(Ranker):
    """A model of the probabilities of all labels of a schema, each trained as a task of TFRS.

    The loss is the weighted sum of the tasks' logistic losses. The model's score, by which a
    cascade orders, is the probability of the first label; an exported model answers with those of
    all, by name. Where the schema has one label it is a model of one task.

    A subclass writes `task_logits`.

    Args:
        schema: Fitted schema with one label or several.
        task_weights: Factor of each task's loss, in the order of the labels; None weighs all alike.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema has no label.
        ValueError: There are not as many weights as labels.
    """

    def __init__(
        self, schema: FeatureSchema, task_weights: Sequence[float] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(schema, **kwargs)
        self.task_weights = task_weights
        self.num_tasks = len(schema.labels)
        if task_weights is not None and len(task_weights) != self.num_tasks:
            raise ValueError(
                f"`task_weights` has {len(task_weights)} weights and schema `{schema.name}` the "
                f"labels {', '.join(c.name for c in schema.labels)}; give one for each."
            )
        self.tasks = [
            self.task,
            *(logistic_task(f"auc_{column.name}") for column in schema.labels[1:]),
        ]

    def task_logits(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of all labels, float32 `[batch, tasks]`."""
        raise NotImplementedError

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of the first label, float32 `[batch, 1]`."""
        return self.task_logits(inputs, training)[:, :1]

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the weighted sum of the tasks' mean logistic losses; see `Ranker`."""
        features, labels, weights = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        logits = self.task_logits(features, training)
        total = tf.zeros([])
        for index, (task, column) in enumerate(zip(self.tasks, self.schema.labels, strict=True)):
            label = label_column(labels, column)
            loss = task(label, logits[:, index : index + 1], sample_weight=weights)
            total += loss * (self.task_weights[index] if self.task_weights else 1.0)
        first = label_column(labels, self.schema.labels[0])
        self.update_metrics(first, self.probabilities(logits[:, :1]), weights)
        return total / tf.cast(tf.shape(logits)[0], tf.float32)

    def score_tasks(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return `score` and, of several labels, the probability of each by name, `[batch]`."""
        probabilities = tf.unstack(self.probabilities(self.task_logits(features)), axis=1)
        names = [column.name for column in self.schema.labels]
        by_name = dict(zip(names, probabilities, strict=True)) if self.num_tasks > 1 else {}
        return {**by_name, "score": probabilities[0]}
