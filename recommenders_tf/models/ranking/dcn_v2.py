"""DCN-V2: crosses by matrices, of full rank, of low rank or by a mixture of experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FeatureEmbedding, MatrixCross, MixtureCross
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range

_STRUCTURES = ("stacked", "parallel")


@register(
    paper="Wang et al.: DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale "
    "Learning to Rank Systems, WWW 2021, arXiv:2008.13535",
    search_space={
        "cross_layers": Range(1, 5),
        "structure": Choice(("stacked", "parallel")),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class DCNV2(Ranker):
    """Predicts σ(wᵀ x_final) by a cross network and a deep one over embeddings and numbers x₀.

    The cross network applies x ← x₀ ⊙ (W x + b) + x (eq. 1); a rank makes W = U Vᵀ (eq. 2), a rank
    with a number of experts a gated mixture of such with a nonlinearity between (eq. 3 and 5). The
    deep network takes its output (`stacked`) or runs beside it (`parallel`). Embeddings may differ
    in width. Crosses of the schema are left out: the model learns its own. It is trained by lazy
    Adam at a rate of 0.001; `compile` takes another optimizer.

    When to choose it:
        A first choice among the deep rankers where columns differ in width: crosses of any
        degree, at a cost that `rank` bounds.

    Args:
        schema: Fitted schema with a label.
        embedding_dim: Width of the embeddings where the schema gives none.
        cross_layers: Depth of the cross network.
        rank: Width of the low-rank matrices; None takes full ones. Two numbers are the width and
            the number of experts of each cross layer: (64, 4) mixes four matrices of rank 64.
        structure: `stacked` or `parallel`.
        hidden_units: Hidden layers of the deep network.
        dropout: Share of values dropped after each hidden layer.
        batch_norm: Whether hidden layers are normalized over the batch.
        **kwargs: Of the Keras model.

    Raises:
        ValueError: The structure is unknown, or the rank is neither one number nor two.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DCNV2(train.schema, rank=(8, 2), hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        cross_layers: int = 3,
        rank: int | Sequence[int] | None = None,
        structure: str = "stacked",
        hidden_units: Sequence[int] = (512, 512),
        dropout: float = 0.0,
        batch_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if structure not in _STRUCTURES:
            raise ValueError(f"`structure` is `{structure}`; it must be stacked or parallel.")
        widths = [rank] if rank is None or isinstance(rank, int) else [*rank]
        if len(widths) not in (1, 2):
            raise ValueError(
                f"`rank` is {rank}; it must be a width, or a width and a number of experts."
            )
        self.embedding_dim = embedding_dim
        self.cross_layers = cross_layers
        self.rank = rank
        self.structure = structure
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, output="concatenated", name="embed"
        )
        cross = MixtureCross if len(widths) == 2 else MatrixCross
        self.cross = cross(cross_layers, *widths, name="cross")
        self.deep = MLP([*hidden_units, 1], dropout=dropout, batch_norm=batch_norm, name="deep")
        if structure == "parallel":
            self.cross_logit = tf.keras.layers.Dense(1, use_bias=False, name="cross_logit")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        start = self.embed(inputs)
        crossed = self.cross(start)
        if self.structure == "stacked":
            return tf.cast(self.deep(crossed, training=training), tf.float32)
        # One weight over both outputs side by side is the sum of one over each.
        cross, deep = self.cross_logit(crossed), self.deep(start, training=training)
        return tf.cast(cross, tf.float32) + tf.cast(deep, tf.float32)
