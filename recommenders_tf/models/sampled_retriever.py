"""Retrieval models that learn to tell events from items drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.uniform_negatives import UniformNegatives
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.schema import FeatureSchema, SchemaError
from recommenders_tf.tasks.ranking_task import RankingTask


class SampledRetriever(Retriever):
    """A retrieval model with the logistic loss of each event and of items that stand beside it.

    Each event is a positive, with `num_negatives` items drawn uniformly from the catalogue, anew
    at every step, as its negatives; `draw_negatives` may draw others. A subclass writes
    `encode_query` and `encode_candidates`. Metrics of `compile` get 1 and zeros, and the logits,
    `[batch, 1 + num_negatives]`.

    Args:
        schema: Fitted schema.
        num_negatives: Negatives for each event.
        learning_rate: Of the default optimizer, lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The item id grows.
        ValueError: `num_negatives` is below 1.
    """

    def __init__(
        self, schema: FeatureSchema, num_negatives: int, learning_rate: float, **kwargs: Any
    ) -> None:
        super().__init__(schema, **kwargs)
        if schema.item_id.growing:
            raise SchemaError(
                f"Column `{schema.item_id.name}` grows, so its vocabulary is not there for "
                "negatives to be drawn from: give it `hash_buckets` in place of `growing`."
            )
        if num_negatives < 1:
            raise ValueError(
                f"`num_negatives` must be at least 1; it is {num_negatives}: events alone are all "
                "positive."
            )
        self.num_negatives = num_negatives
        self.learning_rate = learning_rate
        self.negatives = UniformNegatives(schema.vocabulary_size(schema.item_id), num_negatives)
        self.task = RankingTask(
            loss=tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")
        )

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adam that touches only the rows of the batch."""
        return LazyAdam(self.learning_rate)

    def draw_negatives(
        self, features: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return items that stand beside the events, int64 `[events, num_negatives]`.

        Args:
            features: Encoded events.

        Returns:
            The items, and whether each counts, bool of their shape; None where all do.
        """
        return self.negatives(features[self.schema.item_id.name]), None

    def score_listed(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with the candidates that are listed beside it.

        Args:
            query: `[batch, dim]`.
            candidates: `[batch, items, dim]`.

        Returns:
            float32 `[batch, items]`.
        """
        return tf.cast(tf.einsum("bd,bnd->bn", query, candidates), tf.float32)

    def penalty(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return what the vectors of a batch add to the sum of its losses; nothing by default."""
        del query, candidates
        return tf.zeros([])

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the logistic loss of an event and its negatives, the mean over events."""
        features, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        query = self.encode_query(features)
        events, name = tf.shape(query)[0], self.schema.item_id.name
        drawn, counts = self.draw_negatives(features)
        items = tf.concat([features[name][:, tf.newaxis], drawn], axis=1)
        flat = self.encode_candidates({name: tf.reshape(items, [-1])})
        candidates = tf.reshape(flat, [events, 1 + self.num_negatives, flat.shape[-1]])
        logits = self.score_listed(query, candidates)
        labels = tf.concat([tf.ones([events, 1]), tf.zeros_like(logits[:, 1:])], axis=1)
        weights = None
        if counts is not None:
            weights = tf.concat([tf.ones([events, 1]), tf.cast(counts, tf.float32)], axis=1)
            weights = tf.reshape(weights, [-1, 1])
        flat_labels, flat_logits = (tf.reshape(part, [-1, 1]) for part in (labels, logits))
        loss = self.task(flat_labels, flat_logits, sample_weight=weights)
        self.update_metrics(labels, logits)
        return (loss + self.penalty(query, candidates)) / tf.cast(events, tf.float32)
