"""Retrieval models that score all items from the items that a user has met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf import features
from recommenders_tf.features import get_column
from recommenders_tf.index.exact import rows_at_once
from recommenders_tf.layers.sparse_rows import SparseRows, dense_rows
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.schema import Column, FeatureSchema


class HistoryRetriever(MatrixRetriever):
    """A model that scores all items from what a user has met, whoever that is.

    What each user met in training is kept in the model's weights and found by the user's id. A
    request brings its own: the history of its user and what came since, so that a new user is
    answered from a few items, with no training. Who has met nothing gets the most popular.

    A subclass writes `score_items`. Items are told by their ids alone; an item's score is looked up
    in those of all.

    Args:
        schema: Fitted schema.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: See `MatrixRetriever`.

    Attributes:
        interactions: The matrix of training.
        popularity: Share of the users who met each item, float32 `[items]`.
    """

    reads_interactions = True
    contract_exceptions = {
        "xla": "XLA has no ragged rows, in which the histories of users come.",
    }

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.interactions = SparseRows(self.num_users, self.num_items, name="interactions")
        self.popularity = self.add_weight(
            name="popularity",
            shape=[self.num_items],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
        )

    # === To be written by a model ===

    def score_items(self, values: tf.Tensor, known: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the score of every item, float32 `[batch, items]`, by encoded id.

        Args:
            values: What each user's items count, as `combine` says; 0 elsewhere; float32
                `[batch, items]`.
            known: Which items the user has met, bool `[batch, items]`.
            training: Whether the model is trained.
        """
        raise NotImplementedError

    # === Answers ===

    @property
    def pairs_at_once(self) -> int:
        """Pairs that `score` takes at a time: for the user of each all items are scored."""
        return rows_at_once(self.num_items)

    def interaction_columns(self) -> list[Column]:
        """Return the columns of past events that `event_values` reads: label, time or none."""
        return [self._label] if self.needs_label and self._label else []

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from, and keep it."""
        super().remember(matrix)
        self.interactions.assign(matrix)
        met = np.bincount(matrix.indices, minlength=self.num_items)
        self.popularity.assign(met / max(1, np.count_nonzero(np.diff(matrix.indptr))))

    def read(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what users have met: values float32 and whether known, both `[batch, items]`.

        Args:
            inputs: Encoded features: `INTERACTION_ITEMS` and what belongs to it, or a user id whose
                row of the training matrix is taken.
        """
        if features.INTERACTION_ITEMS not in inputs:
            return self.interactions(get_column(inputs, self.schema.user_id.name))
        items, values = self.requested(inputs)
        sums, known = dense_rows(items, values, self.num_items)
        if self.combine == "any":
            return tf.cast(known, tf.float32), known
        if self.combine == "mean":
            counts, _ = dense_rows(items, tf.ones_like(values), self.num_items)
            sums = tf.math.divide_no_nan(sums, counts)
        return sums, known

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the score of every item id, float32 `[batch, items]`."""
        values, known = self.read(features)
        return self.with_cold_start(self.score_items(values, known), known)

    def with_cold_start(self, scores: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
        """Return the scores `[batch, items]`, of users who have met nothing the popularity."""
        is_new = tf.logical_not(tf.reduce_any(known, axis=1, keepdims=True))
        return tf.where(is_new, self.popularity, tf.cast(scores, tf.float32))

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the ids of items, int64 `[items, 1]`."""
        return get_column(features, self.schema.item_id.name)[:, tf.newaxis]

    def score_candidates(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every candidate, float32 `[batch, items]`."""
        return tf.gather(query, candidates[:, 0], axis=1)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the scores of pairs, float32 `[batch, 1]`."""
        rows, candidates = inputs, self.encode_candidates(inputs)
        place = tf.range(tf.shape(candidates)[0])
        if features.INTERACTION_ITEMS not in inputs:  # a user is scored once, in however many pairs
            users, place = tf.unique(get_column(inputs, self.schema.user_id.name))
            rows = {self.schema.user_id.name: users}
        return self.score_pairs(self.encode_query(rows), place, candidates)

    def score_pairs(self, query: tf.Tensor, rows: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of each candidate with a row of the query, float32 `[pairs, 1]`."""
        pairs = tf.stack([tf.cast(rows, tf.int64), candidates[:, 0]], axis=1)
        return tf.gather_nd(query, pairs)[:, tf.newaxis]

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return how far the scores are from what users met: the mean squared error per user.

        Args:
            inputs: Ids of users, as `training_rows` gives them.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        values, _ = self.read(batch)
        error = tf.math.squared_difference(self.encode_query(batch), values)
        return tf.reduce_mean(tf.reduce_sum(error, axis=1))
