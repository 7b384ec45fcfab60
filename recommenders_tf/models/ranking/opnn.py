"""The product-based neural network with outer products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import OuterProduct
from recommenders_tf.models.product_network import ProductNetwork
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Qu et al.: Product-based Neural Networks for User Response Prediction, ICDM 2016, "
    "arXiv:1611.00144"
)
class OPNN(ProductNetwork):
    """Predicts σ of a network over l₁ = relu(l_z + l_p + b₁), l_p made of outer products.

    l_z projects all vectors fᵢ side by side to D₁ values, l_p the sum of the outer products of all
    pairs, f_Σ f_Σᵀ with f_Σ = Σᵢ fᵢ (eq. 2 to 5 and 11 to 13). The value of an id is 1, that of a
    number itself; the vector of a list is the mean of its ids' vectors. Crosses of the schema are
    left out: the model learns its own.

    When to choose it:
        With very many columns, as its products cost the same for any number of them; otherwise
        `ipnn`, which keeps the pairs apart.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as
            products of all pairs are taken.
        embedding_dim: Width of the embeddings.
        hidden_units: Widths D₁, D₂, … of the hidden layers; the paper gives none, these are
            those of Guo et al. (2017) for the same model.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.
        ValueError: `hidden_units` is empty.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = OPNN(train.schema, hidden_units=(32, 16))
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
        def products(units: int) -> list[tf.keras.layers.Layer]:
            return [OuterProduct(units, name="outer")]

        super().__init__(
            schema, products, embedding_dim, hidden_units, dropout, batch_norm, **kwargs
        )
        self.learning_rate = learning_rate
