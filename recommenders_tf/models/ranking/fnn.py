"""Factorization-machine supported network: a deep network that starts from a trained FM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FeatureEmbedding
from recommenders_tf.models.base import Recommender
from recommenders_tf.models.pretraining import Pretraining
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.models.ranking.fm import FM
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Zhang, Du and Wang: Deep Learning over Multi-field Categorical Data: A Case Study on "
    "User Response Prediction, ECIR 2016, arXiv:1601.02376"
)
class FNN(Pretraining, Ranker):
    """Predicts σ of a network over zᵢ = [wᵢ, vᵢ] of all fields, which start as those of an FM.

    `fit` trains a factorization machine on the data, takes its weights wᵢ and vectors vᵢ over
    (eq. 4 and 5) and trains them with the layers l ← tanh(W l + b) above (eq. 2 and 3). The FM's
    constant w₀, which the paper puts beside z, is left to the bias of the first layer. The value of
    an id is 1, that of a number itself; those of a list are the mean of its ids'. Crosses of the
    schema are left out: the model learns its own.

    When to choose it:
        Where labels are scarce and ids many, as with clicks on advertisements: the machine finds
        vectors that a deep network would not find from a random start.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as the
            machine takes inner products of all pairs.
        embedding_dim: Width of the vectors.
        hidden_units: Hidden layers.
        activation: Of the hidden layers; the paper tried `tanh` and `sigmoid`.
        dropout: Share of values dropped after each hidden layer.
        pretrain_epochs: Passes over the data by the machine; 0 starts from random vectors.
        learning_rate: Of lazy Adam, in both parts.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = FNN(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 10,
        hidden_units: Sequence[int] = (200, 300, 100),
        activation: str = "tanh",
        dropout: float = 0.0,
        pretrain_epochs: int = 1,
        learning_rate: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.activation = activation
        self.dropout = dropout
        self.pretrain_epochs = pretrain_epochs
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        # The layers of FM, so that their weights fit.
        self.weigh = FeatureEmbedding(
            schema, columns, 1, False, "zeros", "vector", "concatenated", name="weigh"
        )
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        self.deep = MLP([*hidden_units, 1], activation, dropout=dropout, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = self.embed(inputs)
        flat = tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])
        fields = tf.concat([self.weigh(inputs), flat], axis=1)
        return tf.cast(self.deep(fields, training=training), tf.float32)

    def stages(self) -> list[Recommender]:
        """Return the factorization machine."""
        return [FM(self.schema, self.embedding_dim, learning_rate=self.learning_rate)]

    def take_over(self, stages: Sequence[Recommender]) -> None:
        """Start from the machine's weights and vectors."""
        (machine,) = stages
        assert isinstance(machine, FM)
        self.weigh.set_weights(machine.first_order.embed.get_weights())
        self.embed.set_weights(machine.embeds[0].get_weights())
