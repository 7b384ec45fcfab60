"""U-AutoRec: an autoencoder of each user's ratings."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers.sparse_dense import SparseDense
from recommenders_tf.models.rating_autoencoder import RatingAutoencoder, squared_error
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
class AutoRecUser(RatingAutoencoder):
    """Rebuilds a user's ratings r of all items: h(r) = W σ(V r + μ) + b (eq. 1).

    The loss is the squared error of the ratings there are, and λ/2 (‖W‖² + ‖V‖²) (eq. 2). b begins
    at the mean of all ratings. A user without ratings gets the items' means, and an item without
    ratings the mean of all, where the paper says 3.

    When to choose it:
        Where ratings are to be predicted and users come and go: a new user needs ratings, but no
        training. With many users an item, `autorec_item` predicts better. In training all items are
        scored for every user of a batch, so time and memory grow with batch × items: give
        `batch_size` some hundred users.

    Args:
        schema: Fitted schema; the ids of user and item and the label, a rating, are used.
        hidden_dim: Width of the hidden layer.
        l2: λ beside the sum over all users; to be chosen on validation, as the best number of
            epochs goes with it: the default is about right of MovieLens 100K, and 400 of 1M.
        learning_rate: Of the default optimizer, Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no label, or the id of the users or of the items grows.

    Example:
        >>> from recommenders_tf import data
        >>> train, test = data.load("synthetic").split()
        >>> encoded = data.encode(train)
        >>> model = AutoRecUser(encoded.schema, hidden_dim=16)
        >>> model.compile()
        >>> _ = model.fit(encoded, batch_size=100, epochs=1, verbose=0)
        >>> sorted(set(model.evaluate(test)) & {"RMSE", "MAE"})
        ['MAE', 'RMSE']
    """

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
        self.encoder = SparseDense(self.num_items, hidden_dim, "sigmoid")
        self.decoder = tf.keras.layers.Dense(self.num_items)

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adam."""
        return LazyAdam(self.learning_rate)

    def score_items(self, values: tf.Tensor, known: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the rating of every item."""
        hidden = self.encoder(tf.sparse.from_dense(values), training=training)
        return self.mean + tf.cast(self.decoder(hidden), tf.float32)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the squared error and the penalty, both as the mean over users.

        Args:
            inputs: Ids of users, as `training_rows` gives them.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        values, known = self.read(batch)
        error = squared_error(self.score_items(values, known, training), values, known)
        penalty = tf.nn.l2_loss(self.encoder.kernel) + tf.nn.l2_loss(self.decoder.kernel)
        users = tf.cast(tf.shape(values)[0], tf.float32)
        return error / users + self.l2 * penalty / self.num_users
