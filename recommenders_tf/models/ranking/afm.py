"""Attentional factorization machine: pairs of features weighed by attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import FeatureEmbedding, FirstOrder, PairAttention
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Xiao et al.: Attentional Factorization Machines: Learning the Weight of Feature "
    "Interactions via Attention Networks, IJCAI 2017, arXiv:1708.04617"
)
class AFM(Ranker):
    """Predicts σ(w₀ + Σ wᵢ xᵢ + pᵀ Σᵢ Σⱼ﹥ᵢ aᵢⱼ vᵢ ⊙ vⱼ xᵢ xⱼ), a weighs the pairs (eq. 6).

    The weights are softmax over all pairs of hᵀ ReLU(W (vᵢ ⊙ vⱼ) xᵢ xⱼ + b) (eq. 5). Some of the
    pooled vector is dropped and λ ‖W‖² added to the loss (eq. 7). The value of an id is 1, that of
    a number itself; the vector of a list is the mean of its ids' vectors. Crosses of the schema are
    left out: the model learns its own. The paper trains by Adagrad; `compile("adagrad")` does so.

    When to choose it:
        Where one wants to know which pairs of columns count, at some cost in time: it grows with
        the square of the columns.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as
            products of all pairs are taken.
        embedding_dim: Width of the vectors; the paper's tables have 256.
        attention_units: Width of the attention network; the paper's tables have 256.
        attention_l2: λ, chosen for each dataset in the paper.
        dropout: Share of the pooled vector that is dropped.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = AFM(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        attention_units: int = 16,
        attention_l2: float = 0.0,
        dropout: float = 0.5,
        learning_rate: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.attention_units = attention_units
        self.attention_l2 = attention_l2
        self.dropout = dropout
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.first_order = FirstOrder(schema, columns, use_bias=True, name="first_order")
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        self.pool = PairAttention(attention_units, attention_l2, name="pool")
        self.drop = tf.keras.layers.Dropout(dropout, name="drop")
        self.project = tf.keras.layers.Dense(1, use_bias=False, name="project")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        pooled = self.drop(self.pool(self.embed(inputs)), training=training)
        return self.first_order(inputs) + tf.cast(self.project(pooled), tf.float32)
