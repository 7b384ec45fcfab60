"""DLRM: inner products of embeddings and of a network's view of the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, DotInteraction, FeatureEmbedding
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.optimizers import Adagrad
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice

_INTERACTIONS = ("dot", "concatenated")


@register(
    paper="Naumov et al.: Deep Learning Recommendation Model for Personalization and "
    "Recommendation Systems, 2019, arXiv:1906.00091",
    search_space={"interaction": Choice(_INTERACTIONS)},
)
class DLRM(Ranker):
    """Predicts σ(top([z, all vᵢ·vⱼ])), z = bottom(numbers) being one of the vectors (sec. 2).

    The bottom network makes one vector of all numbers, as wide as the embeddings; the top network
    takes it and the inner products of every pair of vectors. Without numeric columns (a bucketized
    one counts as an id) there is no bottom network, and the top takes the products alone; the
    `concatenated` interaction, which the authors' program has too, gives it the vectors themselves
    instead. Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where many numbers stand beside large tables of categories, and the layers have to
        be as few as the tables are large.

    Args:
        schema: Fitted schema with a label. All columns of ids must have the same `embedding_dim`,
            as inner products of all pairs are taken.
        embedding_dim: Width of the embeddings.
        bottom_units: Hidden layers of the bottom network.
        top_units: Hidden layers of the top network.
        interaction: `dot`, the products, or `concatenated`, the vectors side by side.
        dropout: Share of values dropped after each hidden layer of the top network.
        batch_norm: Whether hidden layers of the top network are normalized over the batch.
        learning_rate: Of Adagrad.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column of ids another `embedding_dim`.
        ValueError: The interaction is unknown.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DLRM(train.schema, bottom_units=(32,), top_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        bottom_units: Sequence[int] = (512, 256, 64),
        top_units: Sequence[int] = (512, 256),
        interaction: str = "dot",
        dropout: float = 0.0,
        batch_norm: bool = False,
        learning_rate: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if interaction not in _INTERACTIONS:
            raise ValueError(f"`interaction` is `{interaction}`; it must be dot or concatenated.")
        self.embedding_dim = embedding_dim
        self.bottom_units = bottom_units
        self.top_units = top_units
        self.interaction = interaction
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.learning_rate = learning_rate
        ids = [c.name for c in schema.uncrossed if c.has_ids]
        numbers = [c.name for c in schema.features if c.is_numeric]
        self.embed = FeatureEmbedding(schema, ids, embedding_dim, output="stacked", name="embed")
        self.bottom = None
        if numbers:
            self.numbers = FeatureEmbedding(
                schema, numbers, embedding_dim, output="concatenated", name="numbers"
            )
            self.bottom = MLP([*bottom_units, embedding_dim], "relu", "relu", name="bottom")
        self.interact = (
            DotInteraction(name="interact")
            if interaction == "dot"
            else tf.keras.layers.Flatten(name="interact")
        )
        self.top = MLP([*top_units, 1], dropout=dropout, batch_norm=batch_norm, name="top")

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adagrad."""
        return Adagrad(self.learning_rate)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = self.embed(inputs)
        if self.bottom is None:
            hidden = self.interact(vectors)
        else:
            dense = self.bottom(self.numbers(inputs), training=training)
            hidden = self.interact(tf.concat([dense[:, tf.newaxis], vectors], axis=1))
            if self.interaction == "dot":
                hidden = tf.concat([dense, hidden], axis=1)
        return tf.cast(self.top(hidden, training=training), tf.float32)
