"""MaskNet: hidden layers whose inputs each example masks by its own embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FeatureEmbedding, MaskBlock
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range

_STRUCTURES = ("parallel", "serial")


@register(
    paper="Wang et al.: MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by "
    "Instance-Guided Mask, DLP-KDD 2021, arXiv:2102.07619",
    search_space={
        "structure": Choice(("parallel", "serial")),
        "reduction_ratio": Range(0.5, 4.0),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class MaskNet(Ranker):
    """Predicts by mask blocks, ReLU(LN(W (mask(v) ⊙ x))), one after another or side by side.

    The mask W₂ ReLU(W₁ v + b₁) + b₂ is made of all vectors v of the columns (sec. 3.2). Serial, the
    first block takes x = LN(v), each vector normalized by itself with one gain for all, the next
    its output, and the last one's output is weighed. Parallel, every block takes LN(v), and a deep
    network their outputs side by side (sec. 3.4). The value of an id is 1, that of a number itself;
    the vector of a list is the mean of its ids' vectors. Crosses of the schema are left out: the
    model learns its own.

    When to choose it:
        Where a plain network stays behind, since it multiplies too seldom, and products of pairs of
        many columns are too many. Its masks cost as much as hidden layers of the same width.

    Args:
        schema: Fitted schema with a label. All columns must have the same `embedding_dim`, as they
            share the gain of the normalization.
        embedding_dim: Width of the embeddings.
        structure: `parallel` or `serial`.
        block_units: Width of the output of each mask block.
        reduction_ratio: Width of the first layer of a mask over that of the mask.
        embedding_norm: Whether vectors are normalized; False where their length has something to
            tell, as on small data whose penalty holds rare ids near 0.
        hidden_units: Hidden layers of the deep network of the parallel structure.
        dropout: Share of values dropped after each hidden layer.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The schema gives a column another `embedding_dim`.
        ValueError: The structure is unknown, or there is no block.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = MaskNet(train.schema, block_units=(16, 16), hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 10,
        structure: str = "parallel",
        block_units: Sequence[int] = (400, 400, 400),
        reduction_ratio: float = 2.0,
        embedding_norm: bool = True,
        hidden_units: Sequence[int] = (400, 400, 400),
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if structure not in _STRUCTURES:
            raise ValueError(f"`structure` is `{structure}`; it must be parallel or serial.")
        if not block_units:
            raise ValueError("`block_units` must name at least one block's width; it is empty.")
        self.embedding_dim = embedding_dim
        self.structure = structure
        self.block_units = block_units
        self.reduction_ratio = reduction_ratio
        self.embedding_norm = embedding_norm
        self.hidden_units = hidden_units
        self.dropout = dropout
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, numeric="vector", output="stacked", name="embed"
        )
        # Keras' epsilon, 1e-3, is more than the variance of a vector at the start.
        self.normalize = None
        if embedding_norm:
            self.normalize = tf.keras.layers.LayerNormalization(epsilon=1e-5, name="normalize")
        self.blocks = [
            MaskBlock(units, reduction_ratio, name=f"block_{place}")
            for place, units in enumerate(block_units)
        ]
        deep_units = hidden_units if structure == "parallel" else ()
        self.deep = MLP([*deep_units, 1], dropout=dropout, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = self.embed(inputs)
        shape = [-1, vectors.shape[1] * vectors.shape[2]]
        hidden = embeddings = tf.reshape(vectors, shape)
        if self.normalize is not None:
            hidden = tf.reshape(self.normalize(vectors), shape)
        if self.structure == "parallel":
            hidden = tf.concat([block(hidden, embeddings) for block in self.blocks], axis=1)
        else:
            for block in self.blocks:
                hidden = block(hidden, embeddings)
        return tf.cast(self.deep(hidden, training=training), tf.float32)
