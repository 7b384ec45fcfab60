"""Shared bottom: one network under a tower for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, FeatureEmbedding, ParallelMLP
from recommenders_tf.models.multi_task_ranker import MultiTaskRanker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Caruana: Multitask Learning, Machine Learning 28, 1997, doi:10.1023/A:1007379606734"
)
class SharedBottom(MultiTaskRanker):
    """Predicts each label by a tower over one network for all: yₖ = σ(hᵏ(f(x))).

    x are embeddings and numbers side by side, f the bottom network and hᵏ the tower of task k;
    it is equation 1 of Ma et al. 2018 (doi:10.1145/3219819.3220007). The sizes are those of the
    comparison in Tang et al. 2020 (doi:10.1145/3383313.3412236). Embeddings may differ in width.
    Crosses of the schema are left out.

    When to choose it:
        As the first model of several labels. It is the cheapest, and where the labels say much the
        same nothing is gained by more; where they pull apart, choose `MMoE`.

    Args:
        schema: Fitted schema with one label or several.
        embedding_dim: Width of the embeddings where the schema gives none.
        bottom_units: Layers of the bottom network.
        tower_units: Hidden layers of a tower.
        dropout: Share of values dropped after each hidden layer.
        task_weights: Factor of each task's loss, in the order of the labels; None weighs all alike.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        ValueError: There are not as many weights as labels.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SharedBottom(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        bottom_units: Sequence[int] = (256,),
        tower_units: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        task_weights: Sequence[float] | None = None,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, task_weights, **kwargs)
        self.embedding_dim = embedding_dim
        self.bottom_units = bottom_units
        self.tower_units = tower_units
        self.dropout = dropout
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, output="concatenated", name="embed"
        )
        self.bottom = MLP(bottom_units, final_activation="relu", dropout=dropout, name="bottom")
        self.towers = ParallelMLP(self.num_tasks, [*tower_units, 1], dropout=dropout, name="towers")

    def task_logits(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of all labels, float32 `[batch, tasks]`."""
        hidden = self.bottom(self.embed(inputs), training=training)
        return tf.cast(tf.squeeze(self.towers(hidden, training=training), axis=-1), tf.float32)
