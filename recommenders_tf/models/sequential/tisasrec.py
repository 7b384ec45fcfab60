"""Sequential recommendation by self-attention that knows how long apart the steps are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.data.sequence_rows import STEP
from recommenders_tf.features import INTERACTION_TIMES
from recommenders_tf.layers import (
    Dropout,
    PositionEmbedding,
    TransformerBlock,
    time_intervals,
    visible_steps,
)
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import Column, FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Li, Wang, McAuley: Time Interval Aware Self-Attention for Sequential Recommendation, "
    "WSDM 2020, doi:10.1145/3336191.3371786",
    search_space={
        "longest": Choice((64, 256, 512, 2048)),
        "blocks": Choice((1, 2, 3)),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class TiSASRec(SequenceRetriever):
    """Scores the next item as `sasrec`, its attention led by the times between steps as well.

    A step i weighs a step j before it by qᵢ (kⱼ + pⱼ + rᵢⱼ) / √d, and sums vⱼ + p′ⱼ + r′ᵢⱼ (eq. 6
    to 8), with vectors p of the position j and r of the interval between the two, all blocks with
    the same. Intervals are counted in the shortest one of the sequence, up to `longest`. Blocks are
    those of SASRec; the loss is its binary cross-entropy with a negative for each step.

    Positions are counted from the end. The unit of a step is the shortest interval up to it, which
    is that of the whole sequence where a request is answered: of the whole one in training, as in
    the paper, a step would know when later ones come. Items that a request adds to the history
    have no time, and count as of the time of the one before.

    When to choose it:
        Where pauses mean something, so that what was done within an hour belongs together and
        what was done a year ago does not.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width d of items and states.
        blocks: Blocks of attention and network.
        heads: Heads of the attention.
        dropout: Share that is dropped.
        longest: Longest interval that is told apart, in units of a sequence.
        objective: `binary`, `pairwise`, `softmax` or `bpr_max`; see `NextItemTask`.
        num_negatives: Negatives of each step; 0 takes all items, as the softmax alone can.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: `objective` is unknown, the number of negatives does not go with it, `longest`
            is below 1, or `heads` does not divide `embedding_dim`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = TiSASRec(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    reads_interactions = True

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 50,
        blocks: int = 2,
        heads: int = 1,
        dropout: float = 0.2,
        longest: int = 256,
        objective: str = "binary",
        num_negatives: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            lambda items: NextItemTask(objective, items, num_negatives),
            **kwargs,
        )
        if longest < 1:
            raise ValueError(f"`longest` must be at least 1; it is {longest}.")
        self.blocks = blocks
        self.heads = heads
        self.dropout = dropout
        self.longest = longest
        self.objective = objective
        self.num_negatives = num_negatives
        self.details = [column.name for column in self.interaction_columns()]
        self.positions = PositionEmbedding(
            self.column.max_length or 0, 2 * embedding_dim, name="positions"
        )
        self.intervals = self.add_weight(
            name="intervals", shape=[longest + 1, 2 * embedding_dim], initializer="uniform"
        )
        self.layers_of_blocks = [
            TransformerBlock(
                embedding_dim, heads, project=False, dropout=dropout, name=f"block_{number}"
            )
            for number in range(blocks)
        ]
        self.norm = tf.keras.layers.LayerNormalization(name="norm")
        self.drop = Dropout(dropout)

    def interaction_columns(self) -> list[Column]:
        """Return what the model reads of past events when it answers: their times."""
        return [column for column in (self.schema.event_time,) if column]

    def of_steps(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the times of the steps as `encode` takes them; nothing where none is known."""
        (time,) = self.details
        if STEP + time in features:
            return {"times": features[STEP + time]}
        if INTERACTION_TIMES not in features:
            return {}
        length = self.column.max_length or 0
        times = features[INTERACTION_TIMES][:, -length:].to_tensor(shape=[None, length])
        return {"times": times[:, : tf.shape(features[self.column.name])[1]]}

    def encode(
        self,
        vectors: tf.Tensor,
        remaining: tf.Tensor,
        training: bool = False,
        times: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return the state after each step, `[batch, steps, embedding_dim]`.

        Args:
            vectors: Of the items, `[batch, steps, embedding_dim]`.
            remaining: Steps that are left of each sequence, int32 `[batch, steps]`.
            training: Whether the model is trained.
            times: int64 `[batch, steps]`; 0, or None, where they are not known.
        """
        steps = self.drop(vectors * self.embedding_dim**0.5, training=training)
        positions = self.drop(self.positions(remaining), training=training)
        visible = visible_steps(remaining, causal=True)
        times = tf.zeros(tf.shape(remaining), tf.int64) if times is None else times
        related = time_intervals(times, visible, self.longest)
        intervals = tf.cast(self.intervals, steps.dtype)
        for block in self.layers_of_blocks:
            steps = block(
                steps,
                visible,
                training=training,
                positions=positions,
                related=related,
                relations=intervals,
            )
        return self.norm(steps)
