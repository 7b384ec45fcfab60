"""The base model that deep interest networks are measured by: embeddings, pooling, a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.layers import MLP, FeatureEmbedding
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, Kind

POOLINGS = ("sum", "mean")


@register(
    paper="Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018, "
    "arXiv:1706.06978"
)
class DINBase(Ranker):
    """Predicts by a network over embeddings and the pooled past, the same for every candidate.

    A user's past is e = pooling(e₁, …, eₜ) of its vectors (eq. 1), a sum or a mean, whatever the
    candidate is; the network takes it beside the vectors of all other columns. Multi-hot columns
    are averaged. Embeddings may differ in width. Crosses of the schema are left out: the model
    learns its own. `DIN` has attention in place of the pooling.

    When to choose it:
        As the control of `din` and `dien`: what they gain over it is due to attention. It is as
        fast as a plain network, and does without sequences as well.

    Args:
        schema: Fitted schema with a label.
        embedding_dim: Width of the embeddings where the schema gives none.
        hidden_units: Hidden layers of the network over all vectors.
        activation: Of all hidden layers: `dice`, `prelu`, or one of Keras.
        pooling: Of sequences: `sum`, as in the paper's figure 2, or `mean`.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        ValueError: `pooling` is unknown.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DINBase(train.schema, embedding_dim=8, hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        hidden_units: Sequence[int] = (200, 80),
        activation: str = "prelu",
        pooling: str = "sum",
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"`pooling` is `{pooling}`; it must be one of {', '.join(POOLINGS)}.")
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.activation = activation
        self.pooling = pooling
        self.learning_rate = learning_rate
        self.embed = FeatureEmbedding(
            schema, [c.name for c in schema.uncrossed], embedding_dim, name="embed"
        )
        self.deep = MLP([*hidden_units, 1], activation, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = dict(zip(self.embed.columns, self.embed(inputs), strict=True))
        if self.pooling == "sum":
            for column in self.schema.select(kind=Kind.SEQUENCE):
                mask = get_column(inputs, self.schema.mask_name(column))
                mean = vectors[column.name]
                vectors[column.name] = mean * tf.math.count_nonzero(
                    mask, axis=1, keepdims=True, dtype=mean.dtype
                )
        hidden = tf.concat([*vectors.values()], axis=1)
        return tf.cast(self.deep(hidden, training=training), tf.float32)
