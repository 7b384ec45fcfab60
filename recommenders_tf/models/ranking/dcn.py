"""Deep & Cross Network: crosses of bounded degree beside a deep network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FeatureEmbedding, VectorCross
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="Wang et al.: Deep & Cross Network for Ad Click Predictions, ADKDD 2017, "
    "arXiv:1708.05123",
    search_space={"cross_layers": Range(1, 8)},
)
class DCN(Ranker):
    """Predicts σ(wᵀ[x_cross, x_deep] + b) over embeddings and numbers x₀ (eq. 5).

    The cross network applies x ← x₀ xᵀw + b + x (eq. 3), a deep network runs beside it (eq. 4).
    Embeddings may differ in width. Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where crosses of a known, low degree matter and parameters must be few: a layer of
        it adds two vectors. Else `dcn_v2`, whose crosses are richer.

    Args:
        schema: Fitted schema with a label.
        embedding_dim: Width of the embeddings where the schema gives none. The paper takes
            6 · (number of values)^¼; `embedding_dim` of a column says so.
        cross_layers: Depth of the cross network.
        hidden_units: Hidden layers of the deep network.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DCN(train.schema, hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        cross_layers: int = 6,
        hidden_units: Sequence[int] = (1024, 1024),
        dropout: float = 0.0,
        batch_norm: bool = True,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.cross_layers = cross_layers
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, output="concatenated", name="embed"
        )
        self.cross = VectorCross(cross_layers, name="cross")
        self.cross_logit = tf.keras.layers.Dense(1, use_bias=False, name="cross_logit")
        self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        start = self.embed(inputs)
        # One weight over both outputs side by side is the sum of one over each.
        cross, deep = self.cross_logit(self.cross(start)), self.deep(start, training=training)
        return tf.cast(cross, tf.float32) + tf.cast(deep, tf.float32)
