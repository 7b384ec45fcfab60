"""CDAE: a denoising autoencoder with a vector for every user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.sparse_dense import SparseDense
from recommenders_tf.layers.uniform_negatives import UniformNegatives
from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.optimizers import Adagrad
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range

_LOSSES = {
    "logistic": lambda labels, scores: tf.nn.sigmoid_cross_entropy_with_logits(labels, scores),
    "square": lambda labels, scores: 0.5 * tf.math.squared_difference(labels, scores),
}


@register(
    paper="Wu, DuBois, Zheng, Ester: Collaborative Denoising Auto-Encoders for Top-N Recommender "
    "Systems, WSDM 2016",
    search_space={
        "corruption": Range(0.0, 0.9),
        "objective": Choice(("logistic", "square")),
        "l2": Range(1e-4, 0.1, "log"),
        "batch_size": Choice((64, 256, 1024)),
    },
)
class CDAE(HistoryRetriever):
    """Rebuilds what a user has met from part of it and a vector of the user: W' z + b'.

    z = σ(W x̃ + V_u + b), where x̃ has lost `corruption` of the items and the rest scaled up by
    1 / (1 - corruption) (eq. 6 to 8). The loss is that of every item met and of `num_negatives`
    others for each, drawn uniformly anew at every step (section 3.2). The user's vector is what
    sets it apart from the other autoencoders; a new user has none and is answered from items alone.

    When to choose it:
        As a step from matrix factorization to autoencoders; `mult_vae`, `mult_dae` and `ease`
        usually order better. In training the last layer scores all items for every user of a
        batch, so time and memory grow with batch × items: give `batch_size` some hundred users.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        hidden_dim: Width of z.
        corruption: Share of the items met that is dropped from the input.
        num_negatives: Items drawn for each item met; those that the user has met count nothing.
        objective: Loss of an item, `logistic` or `square`.
        l2: λ of λ/2 (‖W‖² + ‖W'‖² + ‖V‖² + ‖b‖² + ‖b'‖²) beside the sum over all users.
        learning_rate: Of the default optimizer, Adagrad.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows.
        ValueError: `objective` is neither.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = CDAE(train.schema, hidden_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, batch_size=100, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        hidden_dim: int = 50,
        corruption: float = 0.5,
        num_negatives: int = 5,
        objective: str = "logistic",
        l2: float = 0.01,
        learning_rate: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if objective not in _LOSSES:
            raise ValueError(
                f"`objective` is `{objective}`; it must be one of {', '.join(_LOSSES)}."
            )
        self.hidden_dim = hidden_dim
        self.corruption = corruption
        self.num_negatives = num_negatives
        self.objective = objective
        self.l2 = l2
        self.learning_rate = learning_rate
        self.encoder = SparseDense(self.num_items, hidden_dim, dropout=corruption)
        self.user = FeatureEmbedding(schema, [schema.user_id.name], hidden_dim, False)
        self.decoder = tf.keras.layers.Dense(self.num_items)
        self.negatives = UniformNegatives(self.num_items, num_negatives)

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adagrad."""
        return Adagrad(self.learning_rate)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the score of every item id, float32 `[batch, items]`."""
        values, known = self.read(features)
        (users,) = self.user(features)
        return self.with_cold_start(self.reconstruct(values, users, training=False), known)

    def reconstruct(self, values: tf.Tensor, users: tf.Tensor, training: bool) -> tf.Tensor:
        """Return the score of every item, float32 `[batch, items]`.

        Args:
            values: 1 for what a user has met, float32 `[batch, items]`.
            users: V of the users, `[batch, hidden_dim]`.
            training: Whether the input is corrupted.
        """
        hidden = self.encoder(tf.sparse.from_dense(values), training=training) + users
        return tf.cast(self.decoder(tf.sigmoid(hidden)), tf.float32)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean over users of the loss of their items and of those drawn.

        Args:
            inputs: Ids of users, as `training_rows` gives them.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        values, known = self.read(batch)
        (users,) = self.user(batch)
        scores = self.reconstruct(values, users, training)
        weights = tf.where(known, 1.0, self._drawn(known))
        losses = tf.reduce_sum(weights * _LOSSES[self.objective](values, scores), axis=1)
        vectors = tf.reduce_sum(tf.cast(users, tf.float32) ** 2, axis=1)
        others = [*self.encoder.trainable_weights, *self.decoder.trainable_weights]
        shared = tf.add_n([tf.nn.l2_loss(weight) for weight in others]) / self.num_users
        return tf.reduce_mean(losses + 0.5 * self.l2 * vectors) + self.l2 * shared

    def _drawn(self, known: tf.Tensor) -> tf.Tensor:
        """Return how often each item was drawn for each user, float32 `[batch, items]`."""
        met = tf.where(known)
        items = tf.reshape(self.negatives(met), [-1, 1])
        users = tf.repeat(met[:, :1], self.num_negatives, axis=0)
        places = tf.concat([users, items], axis=1)
        return tf.scatter_nd(
            places, tf.ones(tf.shape(items)[0]), tf.shape(known, out_type=tf.int64)
        )
