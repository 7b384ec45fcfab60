"""Field-aware factorization machine: every feature has a vector for each field that it meets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import FeatureEmbedding, FieldAwareInteraction, FirstOrder
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, SchemaError


@register(
    paper="Juan et al.: Field-aware Factorization Machines for CTR Prediction, RecSys 2016, "
    "doi:10.1145/2959100.2959134"
)
class FFM(Ranker):
    """Predicts σ(w₀ + Σ wᵢ xᵢ + Σᵢ Σⱼ﹥ᵢ vᵢⱼ·vⱼᵢ xᵢ xⱼ), vᵢⱼ being i's vector for the field of j.

    The sum over pairs is eq. 4 of the paper, which writes it alone; `use_linear` False leaves the
    rest out. Every column is a field. The value of an id is 1, that of a number itself; the vectors
    of a list are the means of its ids'. Crosses of the schema are left out: the model learns its
    own. Instances are not scaled to length 1, as numbers come scaled from the schema.

    When to choose it:
        Where an id means something else to every field it meets, and there are few fields: the
        tables are as many times wider than those of `fm`.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as
            inner products of all pairs are taken.
        embedding_dim: Width of each vector; a feature has as many as there are columns.
        use_linear: Whether w₀ and the weights of single features count.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = FFM(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 4,
        use_linear: bool = True,
        learning_rate: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.use_linear = use_linear
        self.learning_rate = learning_rate
        for column in schema.uncrossed:
            own = None if column.is_numeric else schema.table_of(column).embedding_dim
            if own not in (None, embedding_dim):
                raise SchemaError(
                    f"Column `{column.name}` has the `embedding_dim` {own}, but this model needs "
                    f"vectors of one width, {embedding_dim}: remove it from the column."
                )
        columns = [column.name for column in schema.uncrossed]
        if use_linear:
            self.first_order = FirstOrder(schema, columns, use_bias=True, name="first_order")
        self.embed = FeatureEmbedding(
            schema,
            columns,
            embedding_dim * len(columns),
            use_schema_dims=False,
            numeric="vector",
            output="stacked",
            name="embed",
        )
        self.second_order = FieldAwareInteraction(name="second_order")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        second = tf.cast(self.second_order(self.embed(inputs)), tf.float32)
        return self.first_order(inputs) + second if self.use_linear else second
