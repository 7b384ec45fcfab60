"""Matrix factorization with biases, for implicit feedback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.uniform_negatives import UniformNegatives
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.optimizers import LazyAdam
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, SchemaError
from recommenders_tf.tasks.ranking_task import RankingTask


@register(
    paper="Koren, Bell, Volinsky: Matrix Factorization Techniques for Recommender Systems, "
    "IEEE Computer 2009; loss of Rendle et al.: Neural Collaborative Filtering vs. Matrix "
    "Factorization Revisited, RecSys 2020, arXiv:2005.09683"
)
class MF(Retriever):
    """Scores a pair by μ + b_u + b_i + p_uᵀq_i, trained to tell events from sampled negatives.

    The score is that of Koren et al. (2009, eq. 4); the loss is the logistic one of Rendle et al.
    (2020, section 3.1): each event is a positive, with `num_negatives` items drawn uniformly from
    the catalogue as its negatives.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        embedding_dim: Width of p and q.
        num_negatives: Negatives for each event.
        l2: Weight of the penalty on the p, q and biases of a batch, per event.
        init_stddev: Standard deviation of the initial p and q.
        learning_rate: Of the default optimizer, lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The item id grows.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = MF(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        num_negatives: int = 8,
        l2: float = 0.0,
        init_stddev: float = 0.1,
        learning_rate: float = 0.002,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if schema.item_id.growing:
            raise SchemaError(
                f"Column `{schema.item_id.name}` grows, so its vocabulary is not there for "
                "negatives to be drawn from: give it `hash_buckets` in place of `growing`."
            )
        self.embedding_dim = embedding_dim
        self.num_negatives = num_negatives
        self.l2 = l2
        self.init_stddev = init_stddev
        self.learning_rate = learning_rate
        self._user, self._item = schema.user_id.name, schema.item_id.name
        normal = tf.keras.initializers.RandomNormal(stddev=init_stddev)
        ids = {"user": self._user, "item": self._item}
        self.factors = {
            side: FeatureEmbedding(schema, [name], embedding_dim, False, normal)
            for side, name in ids.items()
        }
        self.biases = {
            side: FeatureEmbedding(schema, [name], 1, False, "zeros") for side, name in ids.items()
        }
        self.negatives = UniformNegatives(schema.vocabulary_size(schema.item_id), num_negatives)
        self.mean = self.add_weight(name="mean", shape=[], initializer="zeros")
        self.task = RankingTask(
            loss=tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")
        )

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adam that touches only the rows of the batch."""
        return LazyAdam(self.learning_rate)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [p_u, μ + b_u, 1], `[batch, embedding_dim + 2]`."""
        (factor,), (bias,) = self.factors["user"](features), self.biases["user"](features)
        bias += tf.cast(self.mean, bias.dtype)
        return tf.concat([factor, bias, tf.ones_like(bias)], axis=-1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [q_i, 1, b_i], `[items, embedding_dim + 2]`."""
        (factor,), (bias,) = self.factors["item"](features), self.biases["item"](features)
        return tf.concat([factor, tf.ones_like(bias), bias], axis=-1)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean logistic loss over events and their negatives."""
        features, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        query = self.encode_query(features)
        events = tf.shape(query)[0]
        items = tf.concat([features[self._item][:, tf.newaxis], self.negatives(query)], axis=1)
        flat = self.encode_candidates({self._item: tf.reshape(items, [-1])})
        candidates = tf.reshape(flat, [events, 1 + self.num_negatives, -1])
        logits = tf.cast(tf.einsum("bd,bnd->bn", query, candidates), tf.float32)
        labels = tf.concat([tf.ones([events, 1]), tf.zeros_like(logits[:, 1:])], axis=1)
        loss = self.task(tf.reshape(labels, [-1, 1]), tf.reshape(logits, [-1, 1]))
        penalty = self.l2 * sum(tf.nn.l2_loss(tf.cast(v, tf.float32)) for v in (query, candidates))
        return (loss + penalty) / tf.cast(events, tf.float32)
