"""MMoE: experts that all tasks share, mixed for each task by its own gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import FeatureEmbedding, GatedExperts, ParallelMLP
from recommenders_tf.models.multi_task_ranker import MultiTaskRanker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="Ma et al.: Modeling Task Relationships in Multi-task Learning with Multi-gate "
    "Mixture-of-Experts, KDD 2018, doi:10.1145/3219819.3220007",
    search_space={"num_experts": Range(2, 16, "log")},
)
class MMoE(MultiTaskRanker):
    """Predicts each label by a tower over its own mixture of experts: yₖ = σ(hᵏ(fᵏ(x))) (eq. 5).

    fᵏ(x) = Σᵢ gᵏ(x)ᵢ fᵢ(x) mixes experts fᵢ, networks over embeddings and numbers x side by side
    (eq. 6), with the gate gᵏ(x) = softmax(Wᵏ x) of task k (eq. 7). Embeddings may differ in width.
    Crosses of the schema are left out.

    The paper has 8 experts, of 16 units under towers of 8 on its made-up data; the sizes here are
    those of the comparison in Tang et al. 2020 (doi:10.1145/3383313.3412236).

    When to choose it:
        For several labels that have to do with each other, though one does not know how much; each
        task finds the experts that help it. It costs little more than `SharedBottom`.

    Args:
        schema: Fitted schema with one label or several.
        embedding_dim: Width of the embeddings where the schema gives none.
        num_experts: Number of experts.
        expert_units: Layers of an expert.
        tower_units: Hidden layers of a tower.
        dropout: Share of values dropped between the layers of experts and towers.
        task_weights: Factor of each task's loss, in the order of the labels; None weighs all alike.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        ValueError: There are not as many weights as labels.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = MMoE(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        num_experts: int = 8,
        expert_units: Sequence[int] = (256,),
        tower_units: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        task_weights: Sequence[float] | None = None,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, task_weights, **kwargs)
        self.embedding_dim = embedding_dim
        self.num_experts = num_experts
        self.expert_units = expert_units
        self.tower_units = tower_units
        self.dropout = dropout
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, output="concatenated", name="embed"
        )
        self.experts = ParallelMLP(
            num_experts, expert_units, final_activation="relu", dropout=dropout, name="experts"
        )
        self.mix = GatedExperts(self.num_tasks, num_experts, name="mix")
        self.towers = ParallelMLP(self.num_tasks, [*tower_units, 1], dropout=dropout, name="towers")

    def task_logits(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of all labels, float32 `[batch, tasks]`."""
        flat = self.embed(inputs)
        mixed = self.mix(flat, self.experts(flat, training=training))
        return tf.cast(tf.squeeze(self.towers(mixed, training=training), axis=-1), tf.float32)
