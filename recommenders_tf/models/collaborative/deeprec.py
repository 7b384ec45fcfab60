"""DeepRec: a deep autoencoder of ratings that is also fed with what it says itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.mlp import MLP
from recommenders_tf.layers.sparse_dense import SparseDense
from recommenders_tf.models.rating_autoencoder import RatingAutoencoder, squared_error
from recommenders_tf.optimizers import SGD
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice


@register(
    paper="Kuchaiev, Ginsburg: Training Deep AutoEncoders for Collaborative Filtering, 2017, "
    "arXiv:1708.01715",
    search_space={
        "hidden_units": Choice(((128,), (256, 256, 512), (512, 512, 1024))),
        "batch_size": Choice((64, 256, 1024)),
    },
)
class DeepRec(RatingAutoencoder):
    """Rebuilds a user's ratings through deep layers with SELU, and keeps what it rebuilt.

    The loss is the mean squared error of the ratings there are (eq. 1). Ratings f(x) of all items
    should be rebuilt as they are, f(y) = y, so they are fed again as a second example y = f(x),
    without a gradient through y: dense re-feeding (section 2.4). Its loss joins that of the ratings
    in one step, where the authors take two. Dropout, a high one, is at the code alone; the last
    layer is linear and its bias begins at the mean of all ratings.

    When to choose it:
        Where ratings are to be predicted from many ratings a user; with few, `autorec_item` is hard
        to beat. In training all items are scored for every user of a batch, twice with re-feeding,
        so time and memory grow with batch × items: give `batch_size` some hundred users.

    Args:
        schema: Fitted schema; the ids of user and item and the label, a rating, are used.
        hidden_units: Widths of the layers down to the code, which comes last; the same back up.
        dropout: Share of the code that is dropped.
        num_refeedings: Times that a step feeds the output again; 0 never.
        learning_rate: Of the default optimizer, gradient descent with momentum 0.9.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no label, or the id of the users or of the items grows.
        ValueError: `hidden_units` is empty.

    Example:
        >>> from recommenders_tf import data
        >>> train, test = data.load("synthetic").split()
        >>> encoded = data.encode(train)
        >>> model = DeepRec(encoded.schema, hidden_units=[16, 32])
        >>> model.compile()
        >>> _ = model.fit(encoded, batch_size=100, epochs=1, verbose=0)
        >>> sorted(set(model.evaluate(test)) & {"RMSE", "MAE"})
        ['MAE', 'RMSE']
    """

    def __init__(
        self,
        schema: FeatureSchema,
        hidden_units: Sequence[int] = (512, 512, 1024),
        dropout: float = 0.8,
        num_refeedings: int = 1,
        learning_rate: float = 0.005,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if not hidden_units:
            raise ValueError("`hidden_units` must name at least the width of the code; it is [].")
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.num_refeedings = num_refeedings
        self.learning_rate = learning_rate
        first, *rest = hidden_units
        self.encoder = [
            SparseDense(self.num_items, first, "selu"),
            *(tf.keras.layers.Dense(width, "selu") for width in rest),
        ]
        self.drop = tf.keras.layers.Dropout(dropout)
        self.decoder = MLP([*hidden_units[-2::-1], self.num_items], "selu")

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return gradient descent with momentum."""
        return SGD(self.learning_rate, momentum=0.9)

    def score_items(self, values: tf.Tensor, known: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the rating of every item."""
        return self.reconstruct(tf.sparse.from_dense(values), training)

    def reconstruct(self, inputs: tf.Tensor | tf.SparseTensor, training: bool) -> tf.Tensor:
        """Return f(x), float32 `[batch, items]`.

        Args:
            inputs: Ratings `[batch, items]`: a sparse tensor, or a tensor that has all.
            training: Whether to drop part of the code.
        """
        for layer in self.encoder:
            inputs = layer(inputs, training=training)
        code = self.drop(inputs, training=training)
        return self.mean + tf.cast(self.decoder(code, training=training), tf.float32)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean squared error of the ratings and, in training, of what is fed again.

        Args:
            inputs: Ids of users, as `training_rows` gives them.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        values, known = self.read(batch)
        scores = self.score_items(values, known, training)
        ratings = tf.reduce_sum(tf.cast(known, tf.float32))
        loss = tf.math.divide_no_nan(squared_error(scores, values, known), ratings)
        for _ in range(self.num_refeedings if training else 0):
            dense = tf.stop_gradient(scores)
            scores = self.reconstruct(dense, training)
            loss += tf.reduce_mean(tf.math.squared_difference(scores, dense))
        return loss
