"""AutoInt: columns attend to one another, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FeatureEmbedding, FieldAttention
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice


@register(
    paper="Song et al.: AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural "
    "Networks, CIKM 2019, arXiv:1810.11921",
    search_space={
        "attention_units": Choice(((32,), (32, 32), (16, 16, 16), (64, 64, 64))),
        "heads": Choice((1, 2, 4)),
    },
)
class AutoInt(Ranker):
    """Predicts σ(wᵀ[e₁, …, e_M] + b) from the columns' vectors after their attention (eq. 9).

    In every layer and head each column m weighs all columns k by αₘₖ = softmaxₖ ⟨Q eₘ, K eₖ⟩
    (eq. 5), takes Σₖ αₘₖ V eₖ (eq. 6), and adds a projection of itself: eₘ ← ReLU(ẽₘ + R eₘ)
    (eq. 8). With `hidden_units` a deep network over the first vectors joins it, AutoInt+. The value
    of an id is 1, that of a number itself; the vector of a list is the mean of its ids' vectors.
    Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where one wants few weights and to see which columns work together: the attention says it.
        Give it `hidden_units` for the best figures.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as they
            share the projections.
        embedding_dim: Width of the embeddings.
        attention_units: Width of each head, of one layer of attention after another.
        heads: Number of heads of each layer.
        hidden_units: Hidden layers of the deep network of AutoInt+; empty for none.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = AutoInt(train.schema, attention_units=(16, 16), hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        attention_units: Sequence[int] = (32, 32, 32),
        heads: int = 2,
        hidden_units: Sequence[int] = (),
        dropout: float = 0.0,
        batch_norm: bool = False,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.attention_units = attention_units
        self.heads = heads
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        self.attend = [
            FieldAttention(units, heads, name=f"attend_{layer}")
            for layer, units in enumerate(attention_units)
        ]
        self.logit = tf.keras.layers.Dense(1, name="logit")
        self.deep = None
        if hidden_units:
            self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = attended = self.embed(inputs)
        for attend in self.attend:
            attended = attend(attended)
        logits = tf.cast(self.logit(_flat(attended)), tf.float32)
        if self.deep is None:
            return logits
        return logits + tf.cast(self.deep(_flat(vectors), training=training), tf.float32)


def _flat(vectors: tf.Tensor) -> tf.Tensor:
    return tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])
