"""Matrix factorization with biases, for implicit feedback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.models.sampled_retriever import SampledRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice


@register(
    paper="Koren, Bell, Volinsky: Matrix Factorization Techniques for Recommender Systems, "
    "IEEE Computer 2009; loss of Rendle et al.: Neural Collaborative Filtering vs. Matrix "
    "Factorization Revisited, RecSys 2020, arXiv:2005.09683",
    search_space={"l2": Choice((0.0, 1e-5, 1e-4, 1e-3))},
)
class MF(SampledRetriever):
    """Scores a pair by μ + b_u + b_i + p_uᵀq_i, trained to tell events from sampled negatives.

    The score is that of Koren et al. (2009, eq. 4); the loss is the logistic one of Rendle et al.
    (2020, section 3.1): each event is a positive, with `num_negatives` items drawn uniformly from
    the catalogue as its negatives.

    When to choose it:
        Where there are ids of users and items alone, or as the control that any neural
        model has to beat. It retrieves from a whole catalogue.

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
        ValueError: `num_negatives` is below 1.

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
        super().__init__(schema, num_negatives, learning_rate, **kwargs)
        self.embedding_dim = embedding_dim
        self.l2 = l2
        self.init_stddev = init_stddev
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
        self.mean = self.add_weight(name="mean", shape=[], initializer="zeros")

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [p_u, μ + b_u, 1], `[batch, embedding_dim + 2]`."""
        (factor,), (bias,) = self.factors["user"](features), self.biases["user"](features)
        bias += tf.cast(self.mean, bias.dtype)
        return tf.concat([factor, bias, tf.ones_like(bias)], axis=-1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [q_i, 1, b_i], `[items, embedding_dim + 2]`."""
        (factor,), (bias,) = self.factors["item"](features), self.biases["item"](features)
        return tf.concat([factor, tf.ones_like(bias), bias], axis=-1)

    def penalty(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return `l2` / 2 times the squares of all vectors."""
        return self.l2 * sum(tf.nn.l2_loss(tf.cast(v, tf.float32)) for v in (query, candidates))
