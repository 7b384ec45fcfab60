"""Retrieval models that read which items a user has met, at the cost of their number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from scipy import sparse

from recommenders_tf import features
from recommenders_tf.features import get_column
from recommenders_tf.layers.sparse_rows import SparseRows
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.schema import Column, FeatureSchema


class ItemSetRetriever(MatrixRetriever):
    """A model whose query vector comes from the items that a user has met.

    What each user met in training is kept in the model's weights and found by the user's id. A
    request brings its own: the history of its user and what came since. Neither becomes a row as
    wide as the catalogue.

    Args:
        schema: Fitted schema.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: See `MatrixRetriever`.

    Attributes:
        interactions: The matrix of training.
    """

    reads_interactions = True

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.interactions = SparseRows(self.num_users, self.num_items, name="interactions")

    def interaction_columns(self) -> list[Column]:
        """Return the columns of past events that `event_values` reads: label, time or none."""
        return []

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from, and keep it."""
        super().remember(matrix)
        self.interactions.assign(matrix)

    def met(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Return what users have met, each item once.

        Args:
            inputs: Encoded features: `INTERACTION_ITEMS` and what belongs to it, or a user id whose
                row of the training matrix is taken.

        Returns:
            Encoded ids of items, int64 `[batch, (items)]`, and what they count, as `combine` says,
            one after another, float32 `[items]`.
        """
        if features.INTERACTION_ITEMS not in inputs:
            return self.interactions.entries(get_column(inputs, self.schema.user_id.name))
        items, values = self.requested(inputs)
        keys = items.value_rowids() * self.num_items + items.flat_values
        # In the order in which they first occur, so those of a user stay side by side.
        distinct, places = tf.unique(keys)
        size = tf.size(distinct)
        if self.combine == "any":
            combined = tf.ones([size])
        else:
            combined = tf.math.unsorted_segment_sum(values, places, size)
        if self.combine == "mean":
            combined /= tf.math.unsorted_segment_sum(tf.ones_like(values), places, size)
        rows = tf.RaggedTensor.from_value_rowids(
            distinct % self.num_items, distinct // self.num_items, items.nrows(), validate=False
        )
        return rows, combined


def pool_rows(table: tf.Tensor, items: tf.RaggedTensor, combiner: str) -> tf.Tensor:
    """Return the sum of the rows that each example names, over a norm of their number.

    The rows are added up where they lie, without a copy of each. No rows give zeros.

    Args:
        table: float32 `[rows, dim]`.
        items: Rows of the table, int64 `[batch, (items)]`.
        combiner: `mean` divides by their number, `sqrtn` by its root.

    Returns:
        float32 `[batch, dim]`.

    Example:
        >>> items = tf.ragged.constant([[0, 1], []], dtype=tf.int64)
        >>> pool_rows(tf.constant([[1.0], [3.0]]), items, "mean").numpy().tolist()
        [[2.0], [0.0]]
    """
    segment = {"mean": tf.sparse.segment_mean, "sqrtn": tf.sparse.segment_sqrt_n}[combiner]
    distinct, places = tf.unique(items.flat_values)
    return segment(
        tf.gather(table, distinct), places, items.value_rowids(), num_segments=items.nrows()
    )
