"""FinalMLP: two networks that see the features through gates of their own, fused bilinearly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, BilinearFusion, FeatureEmbedding, FeatureGate
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, Role
from recommenders_tf.search_space import Range

_PARTS = ("first", "second")


@register(
    paper="Mao et al.: FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction, AAAI 2023, "
    "arXiv:2304.00902",
    search_space={"learning_rate": Range(1e-4, 0.1, "log")},
)
class FinalMLP(Ranker):
    """Predicts σ(b + w₁ᵀo₁ + w₂ᵀo₂ + Σₕ o₁ₕᵀ Wₕ o₂ₕ) from two networks o₁ and o₂ over all features.

    Each network sees the embeddings and numbers e through a gate, 2σ(g(z)) ⊙ e, so that the two
    look at different features: z are the user's features for the first, the item's for the second.
    The gates look z up in tables of their own, as those of the authors' program do. The heads h of
    the bilinear fusion are equal parts of both outputs. Embeddings may differ in width; the vector
    of a list is the mean of its ids' vectors. Crosses of the schema are left out: the model learns
    its own.

    When to choose it:
        As a first deep ranker where there are enough data: networks alone, without any product of
        embeddings, and fast.

    Args:
        schema: Fitted schema with a label.
        embedding_dim: Width of the embeddings where the schema gives none.
        first_units: Layers of the network that the user gates, all activated; its output o₁ is as
            wide as the last.
        second_units: Those of the network that the item gates.
        gate_units: Hidden layers of each gate.
        heads: Parts of the fusion, a divisor of the widths of both outputs. The paper tunes it.
        dropout: Share of values dropped after each layer of the networks.
        batch_norm: Whether the layers are normalized over the batch.
        **kwargs: Of the Keras model.

    Raises:
        ValueError: `heads` doesn't divide the width of an output.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = FinalMLP(train.schema, first_units=(32,), second_units=(16,), heads=2)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 10,
        first_units: Sequence[int] = (400, 400, 400),
        second_units: Sequence[int] = (400, 400, 400),
        gate_units: Sequence[int] = (64,),
        heads: int = 10,
        dropout: float = 0.0,
        batch_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.first_units = first_units
        self.second_units = second_units
        self.gate_units = gate_units
        self.heads = heads
        self.dropout = dropout
        self.batch_norm = batch_norm
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(schema, columns, embedding_dim, name="embed")
        self.contexts = [
            FeatureEmbedding(
                schema,
                [column.name for column in schema.uncrossed if column.role is role],
                embedding_dim,
                name=f"{part}_context",
            )
            for part, role in zip(_PARTS, (Role.USER, Role.ITEM), strict=True)
        ]
        self.gates = [FeatureGate(gate_units, name=f"{part}_gate") for part in _PARTS]
        self.networks = [
            MLP(
                units,
                dropout=dropout,
                batch_norm=batch_norm,
                hidden_output=True,
                name=f"{part}_network",
            )
            for part, units in zip(_PARTS, (first_units, second_units), strict=True)
        ]
        self.fuse = BilinearFusion(heads, name="fuse")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        flat = tf.concat(self.embed(inputs), axis=1)
        outputs = []
        for embed, gate, network in zip(self.contexts, self.gates, self.networks, strict=True):
            gated = gate(flat, tf.concat(embed(inputs), axis=1))
            outputs.append(network(gated, training=training))
        return tf.cast(self.fuse(outputs), tf.float32)
