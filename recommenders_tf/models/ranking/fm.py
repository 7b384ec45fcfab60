"""Factorization machine: a weight for every feature, and for every pair by vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import (
    AnovaKernel,
    FactorizationMachine,
    FeatureEmbedding,
    FirstOrder,
)
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Rendle: Factorization Machines, ICDM 2010, doi:10.1109/ICDM.2010.127; Blondel et al.: "
    "Higher-Order Factorization Machines, NIPS 2016, arXiv:1607.07195"
)
class FM(Ranker):
    """Predicts σ(w₀ + Σ wᵢ xᵢ + Σᵢ Σⱼ﹥ᵢ vᵢ·vⱼ xᵢ xⱼ) (Rendle 2010, eq. 1).

    The sum over pairs takes time linear in the features (lemma 3.1). With an `order` m above 2 the
    sums over all groups of 3 to m features are added, Σ_{i₁<…<iₜ} ⟨p_{i₁}, …, p_{iₜ}⟩ x_{i₁} ⋯
    x_{iₜ}, with vectors p of their own for every order t (Blondel et al. 2016, eq. 5). The value of
    an id is 1, that of a number itself; the vector of a list is the mean of its ids' vectors.
    Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where training and scoring must be cheap and pairs of features matter, as with ids that are
        seldom seen together. `deepfm` costs more and finds what no pair shows.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as
            inner products of all pairs are taken.
        embedding_dim: Width of the vectors.
        order: Most features that interact.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.
        ValueError: `order` is less than 2.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = FM(train.schema, order=3)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 10,
        order: int = 2,
        learning_rate: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if order < 2:
            raise ValueError(f"`order` is {order}; it must be at least 2. Without pairs take `lr`.")
        self.embedding_dim = embedding_dim
        self.order = order
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.first_order = FirstOrder(schema, columns, use_bias=True, name="first_order")
        self.embeds = [
            FeatureEmbedding(
                schema,
                columns,
                embedding_dim,
                numeric="vector",
                output="stacked",
                name=f"embed_{degree}",
            )
            for degree in range(2, order + 1)
        ]
        self.interactions: list[tf.keras.layers.Layer] = [
            FactorizationMachine(name="order_2"),
            *(AnovaKernel(degree, name=f"order_{degree}") for degree in range(3, order + 1)),
        ]

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        logits = self.first_order(inputs)
        for embed, interaction in zip(self.embeds, self.interactions, strict=True):
            logits += tf.cast(interaction(embed(inputs)), tf.float32)
        return logits
