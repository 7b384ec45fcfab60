"""PLE: levels of experts, each task's own and shared ones, that are mixed step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import CustomizedGateControl, FeatureEmbedding, ParallelMLP
from recommenders_tf.models.multi_task_ranker import MultiTaskRanker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="Tang et al.: Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) "
    "Model for Personalized Recommendations, RecSys 2020, doi:10.1145/3383313.3412236",
    search_space={"levels": Range(1, 3), "learning_rate": Range(1e-4, 0.1, "log")},
)
class PLE(MultiTaskRanker):
    """Predicts each label by a tower over its mixture at the last level: yₖ = σ(tᵏ(gᵏ'ᴺ(x))).

    Level j mixes for task k the outputs Sᵏ'ʲ of that task's experts and of the shared ones:
    gᵏ'ʲ(x) = wᵏ'ʲ(gᵏ'ʲ⁻¹(x)) Sᵏ'ʲ(x) (eq. 5), where w is a softmax gate; a gate of its own mixes
    all experts for the shared ones of the next level. Level 0 is the embeddings and numbers side
    by side; a tower is tᵏ (eq. 6). With one level it is the paper's CGC. Embeddings may differ in
    width. Crosses of the schema are left out.

    The paper tunes the numbers of experts and of levels; the defaults are small ones. It lets the
    weights of the tasks change over the steps, here they are constant.

    When to choose it:
        For several labels where what helps one hurts another, which the experts of each task's own
        prevent. Where `MMoE` serves all labels well it is the cheaper one.

    Args:
        schema: Fitted schema with one label or several.
        embedding_dim: Width of the embeddings where the schema gives none.
        levels: Number of levels of experts, N.
        experts: Experts of each task's own and experts that are shared, of every level.
        expert_units: Layers of an expert.
        tower_units: Hidden layers of a tower.
        dropout: Share of values dropped between the layers of experts and towers.
        task_weights: Factor of each task's loss, in the order of the labels; None weighs all alike.
        **kwargs: Of the Keras model.

    Raises:
        ValueError: There are not as many weights as labels, or `levels` is below 1.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = PLE(train.schema, expert_units=(16,), tower_units=(8,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 16,
        levels: int = 2,
        experts: Sequence[int] = (1, 1),
        expert_units: Sequence[int] = (256,),
        tower_units: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        task_weights: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, task_weights, **kwargs)
        if levels < 1:
            raise ValueError(f"`levels` is {levels}; give 1 or more.")
        self.embedding_dim = embedding_dim
        self.levels = levels
        self.experts = experts
        self.expert_units = expert_units
        self.tower_units = tower_units
        self.dropout = dropout
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, output="concatenated", name="embed"
        )
        own, shared = experts
        self.extract = [
            CustomizedGateControl(
                self.num_tasks,
                own,
                shared,
                expert_units,
                shared_gate=level < levels,
                dropout=dropout,
                name=f"extract_{level}",
            )
            for level in range(1, levels + 1)
        ]
        self.towers = ParallelMLP(self.num_tasks, [*tower_units, 1], dropout=dropout, name="towers")

    def task_logits(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of all labels, float32 `[batch, tasks]`."""
        hidden = self.embed(inputs)
        for level in self.extract:
            hidden = level(hidden, training=training)
        return tf.cast(tf.squeeze(self.towers(hidden, training=training), axis=-1), tf.float32)
