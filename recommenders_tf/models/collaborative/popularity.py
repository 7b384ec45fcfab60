"""Popularity: the control that every other model must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FIRST_ID, FeatureSchema


@register(paper="Cremonesi, Koren, Turrin: Performance of Recommender Algorithms, RecSys 2010")
class Popularity(Retriever):
    """Recommends the items with the most events, the same to everyone.

    It counts; `fit` needs one epoch, and further ones change no order. The score is the item's
    share of the events. Where item ids are hashes, items whose hashes meet are counted as one.

    When to choose it:
        As the floor of every comparison, and for users of whom nothing is known.

    Args:
        schema: Fitted schema.
        **kwargs: Of the Keras model.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = Popularity(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    contract_exceptions = {
        "gradients_reach_every_weight": "It counts: there is no loss to differentiate.",
        "learns": "It is the control that the others are compared with.",
    }

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        size = schema.vocabulary_size(schema.item_id)
        self.counts = self.add_weight(
            name="counts",
            shape=[size],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
        )

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return ones, `[batch, 1]`: every user asks alike."""
        users = features[self.schema.user_id.name]
        return tf.ones([tf.shape(users)[0], 1])

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the share of the events of each item, `[items, 1]`."""
        total = tf.maximum(tf.reduce_sum(self.counts), 1.0)
        return tf.gather(self.counts, self._counters(features))[:, tf.newaxis] / total

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Count the items of a batch; the loss is their mean negative log share."""
        features, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        items = features[self.schema.item_id.name]
        if training:
            ones = tf.where(items >= FIRST_ID, 1.0, 0.0)
            self.counts.assign_add(
                tf.math.unsorted_segment_sum(
                    ones, self._counters(features), tf.shape(self.counts)[0]
                )
            )
        share = self.encode_candidates(features)
        return -tf.reduce_mean(tf.math.log(tf.maximum(share, 1e-9)))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Count one batch; there is nothing to differentiate."""
        return self._results(self._total_loss(data, training=True))

    def _counters(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the place of each item in the counts; of a growing vocabulary ids are hashes."""
        return get_column(features, self.schema.item_id.name) % self.counts.shape[0]
