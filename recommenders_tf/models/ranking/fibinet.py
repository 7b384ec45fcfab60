"""FiBiNET: which columns matter, and products of all pairs through matrices between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import (
    MLP,
    BilinearInteraction,
    DotInteraction,
    FeatureEmbedding,
    FirstOrder,
    SqueezeExcitation,
)
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice


@register(
    paper="Huang et al.: FiBiNET: Combining Feature Importance and Bilinear Feature Interaction "
    "for Click-Through Rate Prediction, RecSys 2019, arXiv:1905.09433",
    search_space={"bilinear": Choice(("all", "each", "interaction"))},
)
class FiBiNET(Ranker):
    """Predicts σ(b + Σ wᵢ xᵢ + DNN([p, q])) from bilinear products of all pairs of columns.

    pᵢⱼ = (eᵢ W) ⊙ eⱼ are the products of the columns' vectors, qᵢⱼ = (vᵢ W) ⊙ vⱼ those of the
    vectors vᵢ = aᵢ eᵢ, where a = ReLU(W₂ ReLU(W₁ z)) tells from the means z of all vectors how much
    each column matters to this example (sec. 3.3 to 3.5). p and q share their matrices, as in the
    implementations that are in use, since the paper writes but one W; so qᵢⱼ = aᵢ aⱼ pᵢⱼ, which is
    how it is computed. The value of an id is 1, that of a number itself; the vector of a list is
    the mean of its ids' vectors. Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where there are many columns of which each example needs a few. The network's first layer
        grows with the square of the number of columns.

    Args:
        schema: Fitted schema with a label and at least two columns. All columns must have the same
            `embedding_dim`, as products of their vectors are taken.
        embedding_dim: Width of the embeddings.
        reduction_ratio: By how much the layer that judges the columns is narrower than they are
            many.
        bilinear: Whose matrix W is: one for `all` pairs, one for `each` column i, or one for every
            `interaction` of i and j.
        hidden_units: Hidden layers of the deep network.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.
        ValueError: `bilinear` is unknown.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = FiBiNET(train.schema, bilinear="each", hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 10,
        reduction_ratio: int = 3,
        bilinear: str = "interaction",
        hidden_units: Sequence[int] = (400, 400, 400),
        dropout: float = 0.5,
        batch_norm: bool = False,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.reduction_ratio = reduction_ratio
        self.bilinear = bilinear
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.first_order = FirstOrder(schema, columns, name="first_order")
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        self.weigh = SqueezeExcitation(reduction_ratio, name="weigh")
        self.weigh_pairs = DotInteraction(name="weigh_pairs")
        self.interact = BilinearInteraction(bilinear, name="interact")
        self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = self.embed(inputs)
        products = self.interact(vectors)
        weights = self.weigh_pairs(self.weigh(vectors)[:, :, tf.newaxis])  # aᵢ aⱼ, in their order
        both = tf.concat([products, products * weights[:, :, tf.newaxis]], axis=1)
        flat = tf.reshape(both, [-1, both.shape[1] * both.shape[2]])
        return self.first_order(inputs) + tf.cast(self.deep(flat, training=training), tf.float32)
