"""I-AutoRec: an autoencoder of each item's ratings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.data.interactions import IdRows
from recommenders_tf.features import get_column
from recommenders_tf.layers.sparse_dense import SparseDense
from recommenders_tf.layers.sparse_rows import SparseRows
from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.models.rating_autoencoder import rating_means, squared_error
from recommenders_tf.models.rating_retriever import RatingRetriever
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range


@register(
    paper="Sedhain, Menon, Sanner, Xie: AutoRec: Autoencoders Meet Collaborative Filtering, "
    "WWW 2015 Companion",
    search_space={
        "l2": Range(1e-3, 1e3, "log"),
        "batch_size": Choice((64, 256, 1024)),
    },
)
class AutoRecItem(RatingRetriever, MatrixRetriever):
    """Rebuilds an item's ratings r by all users: h(r) = W σ(V r + μ) + b (eq. 1).

    The loss is the squared error of the ratings there are, and λ/2 (‖W‖² + ‖V‖²) (eq. 2). b begins
    at the mean of all ratings. So an item's vector is σ(V r + μ), of its own ratings, and a user's
    is a row of W. A user without ratings gets the items' means, and an item without ratings the
    mean of all, where the paper says 3.

    When to choose it:
        Where ratings are to be predicted for users that are known: of the autoencoders it predicts
        them best, for an item mostly has more ratings than a user. It trains on items: an epoch is
        a pass over them, and a step takes time and memory by batch × users, so give `batch_size`
        some hundred items. Serving costs what a factor model does.

    Args:
        schema: Fitted schema; the ids of user and item and the label, a rating, are used.
        hidden_dim: Width of the hidden layer.
        l2: λ beside the sum over all items; to be chosen on validation, as the best number of
            epochs goes with it: the default is about right of MovieLens 100K and 1M.
        learning_rate: Of the default optimizer, Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no label, or the id of the users or of the items grows.

    Attributes:
        ratings: What training has of each item.
        mean: Of all ratings.
        item_means: Of each item's ratings, drawn to that of all, `[items]`.

    Example:
        >>> from recommenders_tf import data
        >>> train, test = data.load("synthetic").split()
        >>> encoded = data.encode(train)
        >>> model = AutoRecItem(encoded.schema, hidden_dim=16)
        >>> model.compile()
        >>> _ = model.fit(encoded, batch_size=100, epochs=1, verbose=0)
        >>> sorted(set(model.evaluate(test)) & {"RMSE", "MAE"})
        ['MAE', 'RMSE']
    """

    combine = "mean"
    needs_label = True
    contract_exceptions = HistoryRetriever.contract_exceptions

    def __init__(
        self,
        schema: FeatureSchema,
        hidden_dim: int = 500,
        l2: float = 300.0,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.hidden_dim = hidden_dim
        self.l2 = l2
        self.learning_rate = learning_rate
        self.encoder = SparseDense(self.num_users, hidden_dim, "sigmoid")
        self.user_vectors, self.user_biases = (
            self.add_weight(
                name=name, shape=shape, initializer=initializer, experimental_autocast=False
            )
            for name, shape, initializer in (
                ("user_vectors", [self.num_users, hidden_dim], "glorot_uniform"),
                ("user_biases", [self.num_users], "zeros"),
            )
        )
        self.ratings = SparseRows(self.num_items, self.num_users, name="ratings")
        self.mean, self.item_means, self.is_known_user = (
            tf.Variable(tf.zeros(shape), trainable=False, name=name)
            for name, shape in (
                ("mean", []),
                ("item_means", [self.num_items]),
                ("is_known_user", [self.num_users]),
            )
        )

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adam."""
        return LazyAdam(self.learning_rate)

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take ratings to learn from, and keep those of each item."""
        super().remember(matrix)
        self.ratings.assign(matrix.T.tocsr())
        mean, item_means = rating_means(matrix)
        self.mean.assign(mean)
        self.item_means.assign(item_means)
        self.is_known_user.assign(np.diff(matrix.indptr) > 0)

    def rows_of(self, matrix: sparse.csr_matrix, tables: Any) -> IdRows:
        """Return the rows to train on: the items of the matrix."""
        return IdRows(self.schema.item_id, np.unique(matrix.indices), self.schema, tables)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [W_u, b_u, 0, 1], of a user without ratings [0, 0, 1, 1]."""
        users = get_column(features, self.schema.user_id.name)
        known = tf.gather(self.is_known_user, users)[:, tf.newaxis]
        biases = self.mean + tf.gather(self.user_biases, users)[:, tf.newaxis]
        vectors = tf.concat([tf.gather(self.user_vectors, users), biases], axis=1)
        return tf.concat([known * vectors, 1 - known, tf.ones_like(known)], axis=1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [σ(V r + μ), 1, the mean, 0], of an item without ratings [0, 0, 0, the mean]."""
        items = get_column(features, self.schema.item_id.name)
        lengths = self.ratings.entries(items)[0].row_lengths()[:, tf.newaxis]
        rated = tf.cast(lengths > 0, tf.float32)
        means = tf.gather(self.item_means, items)[:, tf.newaxis]
        vectors = tf.concat([self._hidden(items), tf.ones_like(rated), means], axis=1)
        return tf.concat([rated * vectors, (1 - rated) * self.mean], axis=1)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the squared error and the penalty, both as the mean over items.

        Args:
            inputs: Ids of items, as `training_rows` gives them.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        items = get_column(batch, self.schema.item_id.name)
        values, known = self.ratings(items)
        deviations = tf.matmul(self._hidden(items), self.user_vectors, transpose_b=True)
        error = squared_error(self.mean + self.user_biases + deviations, values, known)
        penalty = tf.nn.l2_loss(self.encoder.kernel) + tf.nn.l2_loss(self.user_vectors)
        count = tf.cast(tf.shape(items)[0], tf.float32)
        return error / count + self.l2 * penalty / self.num_items

    def _hidden(self, items: tf.Tensor) -> tf.Tensor:
        """Return σ(V r + μ) of items, float32 `[batch, hidden_dim]`."""
        return tf.cast(self.encoder(self.ratings.sparse(items)), tf.float32)
