"""Neural factorization machine: a network over the pooled pairs of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, BiInteraction, FeatureEmbedding, FirstOrder
from recommenders_tf.layers.mlp import batch_normalization
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="He and Chua: Neural Factorization Machines for Sparse Predictive Analytics, SIGIR 2017, "
    "arXiv:1708.05027",
    search_space={"pooling_dropout": Range(0.0, 0.8)},
)
class NFM(Ranker):
    """Predicts σ(w₀ + Σ wᵢ xᵢ + f(x)), f a network over all pairs of features pooled (eq. 2).

    The pairs become one vector, Σᵢ Σⱼ﹥ᵢ xᵢvᵢ ⊙ xⱼvⱼ (eq. 3), which is normalized over the batch
    and some of which is dropped; hidden layers follow (eq. 5 to 7). w₀ is the bias of the last
    layer. The value of an id is 1, that of a number itself; the vector of a list is the mean of its
    ids' vectors. Crosses of the schema are left out: the model learns its own. The paper trains by
    Adagrad; `compile("adagrad")` does so.

    When to choose it:
        Where `fm` is nearly good enough: a small network on top of its pairs costs little more. The
        pooled vector forgets which features met; `deepfm` or `pnn` keep that apart.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as
            products of all pairs are taken.
        embedding_dim: Width of the vectors.
        hidden_units: Hidden layers.
        pooling_dropout: Share of the pooled vector that is dropped.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether the pooled vector and the hidden layers are normalized over the batch.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = NFM(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        hidden_units: Sequence[int] = (64,),
        pooling_dropout: float = 0.5,
        dropout: float = 0.3,
        batch_norm: bool = True,
        learning_rate: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.pooling_dropout = pooling_dropout
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.first_order = FirstOrder(schema, columns, name="first_order")
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        self.pool = BiInteraction(name="pool")
        self.normalize = batch_normalization(name="normalize") if batch_norm else None
        self.drop = tf.keras.layers.Dropout(pooling_dropout, name="drop")
        self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        pooled = self.pool(self.embed(inputs))
        if self.normalize is not None:
            pooled = self.normalize(pooled, training=training)
        deep = self.deep(self.drop(pooled, training=training), training=training)
        return self.first_order(inputs) + tf.cast(deep, tf.float32)
