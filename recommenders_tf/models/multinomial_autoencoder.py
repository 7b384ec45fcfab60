"""Autoencoders with a multinomial likelihood."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.schema import FeatureSchema


class MultinomialAutoencoder(HistoryRetriever):
    """A network that rebuilds what a user has met, as draws from one distribution over all items.

    The loss of a user is -Σᵢ xᵢ log πᵢ with π the softmax of the scores: items compete, as they do
    for a place in a list (Liang et al. 2018, eq. 2). A subclass writes `reconstruct`. Metrics of
    `compile` get x and the scores, `[batch, items]`.

    Args:
        schema: Fitted schema.
        l2: λ of the penalty λ ‖W‖² on all weight matrices, beside the mean loss of a user.
        learning_rate: Of the default optimizer, Adam.
        **kwargs: Of the Keras model.
    """

    def __init__(
        self, schema: FeatureSchema, l2: float, learning_rate: float, **kwargs: Any
    ) -> None:
        super().__init__(schema, **kwargs)
        self.l2 = l2
        self.learning_rate = learning_rate

    def reconstruct(self, inputs: tf.SparseTensor, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the scores of all items, and what the loss has beside their likelihood.

        Args:
            inputs: What users have met, each row of length 1, float32 `[batch, items]`.
            training: Whether the model is trained.

        Returns:
            `[batch, items]`, and float32 `[batch]`.
        """
        raise NotImplementedError

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adam."""
        return LazyAdam(self.learning_rate)

    def score_items(self, values: tf.Tensor, known: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the logits of the distribution over items."""
        return self.reconstruct(_unit_rows(values), training)[0]

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean loss of the users of a batch, and the penalty."""
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        values, _ = self.read(batch)
        scores, more = self.reconstruct(_unit_rows(values), training)
        scores = tf.cast(scores, tf.float32)
        self.update_metrics(values, scores)
        likelihood = tf.reduce_sum(values * tf.nn.log_softmax(scores), axis=1)
        matrices = [w for w in self.trainable_weights if w.shape.rank == 2]
        penalty = 2 * self.l2 * tf.add_n([tf.nn.l2_loss(matrix) for matrix in matrices])
        return tf.reduce_mean(more - likelihood) + penalty


def _unit_rows(values: tf.Tensor) -> tf.SparseTensor:
    """Return rows of length 1, without their zeros."""
    return tf.sparse.from_dense(tf.math.l2_normalize(values, axis=1))
