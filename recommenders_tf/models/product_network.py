"""What the product-based neural networks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FeatureEmbedding
from recommenders_tf.layers.mlp import batch_normalization
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.schema import FeatureSchema


class ProductNetwork(Ranker):
    """Predicts from l₁ = relu(l_z + l_p + b₁), projections of all vectors and of their products.

    Args:
        schema: Fitted schema with a label.
        products: Returns, for D₁, the layers whose outputs `[batch, D₁]` sum up to l_p.
        embedding_dim: Width of the embeddings.
        hidden_units: Widths D₁, D₂, … of the hidden layers.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.
        ValueError: `hidden_units` is empty.
    """

    def __init__(
        self,
        schema: FeatureSchema,
        products: Callable[[int], list[tf.keras.layers.Layer]],
        embedding_dim: int,
        hidden_units: Sequence[int],
        dropout: float,
        batch_norm: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if not hidden_units:
            raise ValueError("`hidden_units` must name at least one layer width; it is empty.")
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        first, *rest = hidden_units
        self.linear = tf.keras.layers.Dense(first, name="linear")
        self.products = products(first)
        self.first = [batch_normalization()] if batch_norm else []
        self.first += [tf.keras.layers.ReLU(), tf.keras.layers.Dropout(dropout)]
        self.deep = MLP([*rest, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = self.embed(inputs)
        flat = tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])
        hidden = tf.add_n([self.linear(flat), *(product(vectors) for product in self.products)])
        for layer in self.first:
            hidden = layer(hidden, training=training)
        return tf.cast(self.deep(hidden, training=training), tf.float32)
