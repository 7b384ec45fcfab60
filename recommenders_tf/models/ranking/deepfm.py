"""DeepFM: a factorization machine and a deep network over the same embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FactorizationMachine, FeatureEmbedding, FirstOrder
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Guo et al.: DeepFM: A Factorization-Machine based Neural Network for CTR Prediction, "
    "IJCAI 2017, arXiv:1703.04247"
)
class DeepFM(Ranker):
    """Predicts σ(y_FM + y_DNN), both over the same embeddings (eq. 1).

    y_FM = Σ wᵢ xᵢ + Σᵢ Σⱼ﹥ᵢ vᵢ·vⱼ xᵢ xⱼ weighs every feature and every pair of features (eq. 2),
    y_DNN is a network over all vᵢ xᵢ side by side (eq. 4). The value of an id is 1, that of a
    number itself; the vector of a list is the mean of its ids' vectors. Crosses of the schema are
    left out: the model learns its own.

    When to choose it:
        Where most columns are categories and pairs of them matter: it has no more to tune
        than its network. A first deep ranker for clicks.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as
            inner products of all pairs are taken.
        embedding_dim: Width of the embeddings.
        hidden_units: Hidden layers of the deep part.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DeepFM(train.schema, hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 10,
        hidden_units: Sequence[int] = (400, 400, 400),
        dropout: float = 0.5,
        batch_norm: bool = False,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.first_order = FirstOrder(schema, columns, name="first_order")
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        self.second_order = FactorizationMachine(name="second_order")
        self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = self.embed(inputs)
        flat = tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])
        second, deep = self.second_order(vectors), self.deep(flat, training=training)
        return self.first_order(inputs) + tf.cast(second, tf.float32) + tf.cast(deep, tf.float32)
