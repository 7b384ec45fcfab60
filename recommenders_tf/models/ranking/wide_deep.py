"""Wide & Deep: a linear model of crosses beside a deep one of embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.mlp import MLP
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.optimizers import Adagrad, CompositeOptimizer, Ftrl
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="Cheng et al.: Wide & Deep Learning for Recommender Systems, DLRS 2016, arXiv:1606.07792",
    search_space={
        "wide_learning_rate": Range(1e-3, 0.1, "log"),
        "deep_learning_rate": Range(1e-3, 0.1, "log"),
    },
)
class WideDeep(Ranker):
    """Predicts σ(w_wideᵀ[x, φ(x)] + w_deepᵀa + b), both parts trained together (eq. 3).

    The wide part is linear in the ids and in the crosses φ(x) of the schema, the deep part a
    network over embeddings and numeric columns. As in the paper the wide part is trained with
    FTRL and L1, the deep part with Adagrad.

    When to choose it:
        Where some combinations of columns are known to matter and are written into the
        schema as crosses; the deep part then covers what nobody thought of.

    Args:
        schema: Fitted schema with a label; its cross columns are the crosses.
        embedding_dim: Width of the deep part's embeddings where the schema gives none.
        hidden_units: Hidden layers of the deep part.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        wide_learning_rate: Of FTRL.
        wide_l1: L1 penalty of FTRL.
        deep_learning_rate: Of Adagrad.
        **kwargs: Of the Keras model.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = WideDeep(train.schema, hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 32,
        hidden_units: Sequence[int] = (256, 128, 64),
        dropout: float = 0.0,
        batch_norm: bool = False,
        wide_learning_rate: float = 0.02,
        wide_l1: float = 1e-6,
        deep_learning_rate: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.wide_learning_rate = wide_learning_rate
        self.wide_l1 = wide_l1
        self.deep_learning_rate = deep_learning_rate
        wide = [c.name for c in schema.features if c.has_ids]
        deep = [column.name for column in schema.uncrossed]
        self.wide = FeatureEmbedding(
            schema, wide, 1, False, "zeros", output="concatenated", name="wide"
        )
        self.embed = FeatureEmbedding(
            schema, deep, embedding_dim, output="concatenated", name="embed"
        )
        self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return FTRL with L1 for the wide part and Adagrad for the rest.

        Their accumulators start near zero; see `optimizers.INITIAL_ACCUMULATOR`.
        """
        wide = Ftrl(self.wide_learning_rate, l1=self.wide_l1)
        deep = Adagrad(self.deep_learning_rate)
        return CompositeOptimizer(deep, {"/wide/": wide})

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        wide = tf.reduce_sum(self.wide(inputs), axis=1, keepdims=True)
        deep = self.deep(self.embed(inputs), training=training)
        return tf.cast(wide, tf.float32) + tf.cast(deep, tf.float32)
