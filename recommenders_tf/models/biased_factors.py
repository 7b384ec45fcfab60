"""Ratings as a mean, biases of user and item, and an inner product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from scipy import sparse

from recommenders_tf.data.interactions import PairRows
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.models.ranker import label_column
from recommenders_tf.models.rating_retriever import RatingRetriever
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.tasks.ranking_task import RankingTask


class BiasedFactors(RatingRetriever, MatrixRetriever):
    """Predicts a rating by μ + b_u + b_i + q_iᵀv_u, with a user's vector v_u that may be p_u alone.

    It minimizes the squared error of every rating, and beside it λ times the squares of what the
    rating's prediction is made of. Several ratings of one pair count as their mean. What training
    has not seen has a bias and a vector of zero.

    Args:
        schema: Fitted schema with a label; its label is learned as a number.
        embedding_dim: Width of p and q.
        l2: λ.
        init_stddev: Standard deviation of the initial p and q.
        learning_rate: Of the default optimizer, lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no label, or the id of the users or of the items grows.

    Attributes:
        mean: μ, the mean of the ratings of training.
    """

    combine = "mean"
    needs_label = True

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int,
        l2: float,
        init_stddev: float,
        learning_rate: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.l2 = l2
        self.init_stddev = init_stddev
        self.learning_rate = learning_rate
        users, items = self.num_users, self.num_items
        self.user_factors = self.new_table("user_factors", [users, embedding_dim])
        self.item_factors = self.new_table("item_factors", [items, embedding_dim])
        self.user_biases = self.new_table("user_biases", [users, 1], stddev=0.0)
        self.item_biases = self.new_table("item_biases", [items, 1], stddev=0.0)
        self.mean = self.add_weight(
            name="mean",
            shape=[],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
        )
        self.task = RankingTask(loss=tf.keras.losses.MeanSquaredError(reduction="sum"))

    def new_table(self, name: str, shape: list[int], stddev: float | None = None) -> tf.Variable:
        """Return a new table, `[ids, width]`, of `init_stddev` unless told otherwise."""
        spread = self.init_stddev if stddev is None else stddev
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=ReservedZeros(tf.keras.initializers.RandomNormal(stddev=spread)),
            dtype=tf.float32,
            experimental_autocast=False,
        )

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adam that touches only the rows of the batch."""
        return LazyAdam(self.learning_rate)

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from, and the mean of its ratings."""
        super().remember(matrix)
        self.mean.assign(matrix.data.mean())

    def rows_of(self, matrix: sparse.csr_matrix, tables: Any) -> RowSource:
        """Return the rows to train on: the rated pairs."""
        return PairRows(matrix, self.schema, tables)

    # === To be overridden by a model that knows more of a user ===

    def user_vectors(self, features: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return v_u, `[batch, embedding_dim]`, and the squares that it is made of, `[batch]`."""
        p = tf.gather(self.user_factors, get_column(features, self.schema.user_id.name))
        return p, tf.reduce_sum(p**2, axis=1)

    # === Training and answers ===

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean over ratings of the squared error and the penalty.

        Args:
            inputs: Encoded ids of users and items, and ratings `[batch]`.
            training: Whether the model is trained.
        """
        batch, labels, weights = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        assert self._label is not None
        ratings = label_column(labels, self._label)
        vectors, squares = self.user_vectors(batch)
        item, bias = self.encode_candidates(batch), self._user_bias(batch)
        predictions = tf.reduce_sum(vectors * item[:, :-2], axis=1, keepdims=True)
        predictions += self.mean + bias + item[:, -1:]
        squares += bias[:, 0] ** 2 + tf.reduce_sum(item**2, axis=1) - 1.0  # of the constant 1
        self.update_metrics(ratings, predictions, weights)
        total = self.task(ratings, predictions, sample_weight=weights)
        return (total + self.l2 * tf.reduce_sum(squares)) / tf.cast(
            tf.shape(ratings)[0], tf.float32
        )

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [v_u, μ + b_u, 1], `[batch, embedding_dim + 2]`."""
        vectors, _ = self.user_vectors(features)
        offset = self.mean + self._user_bias(features)
        return tf.concat([vectors, offset, tf.ones_like(offset)], axis=1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [q_i, 1, b_i], `[items, embedding_dim + 2]`."""
        items = get_column(features, self.schema.item_id.name)
        factors, biases = tf.gather(self.item_factors, items), tf.gather(self.item_biases, items)
        return tf.concat([factors, tf.ones_like(biases), biases], axis=1)

    def _user_bias(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.gather(self.user_biases, get_column(features, self.schema.user_id.name))
