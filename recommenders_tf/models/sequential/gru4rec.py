"""Session-based recommendation with a recurrent network."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers import AttentionGRU, Dropout
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.optimizers import Adagrad
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Hidasi, Karatzoglou: Recurrent Neural Networks with Top-k Gains for Session-based "
    "Recommendations, CIKM 2018, arXiv:1706.03847; Hidasi et al., ICLR 2016, arXiv:1511.06939",
    search_space={
        "objective": Choice(("softmax", "bpr_max")),
        "sample_power": Range(0.0, 1.0),
        "num_negatives": Choice((512, 2048, 8192)),
        "learning_rate": Range(1e-3, 0.5, "log"),
    },
)
class GRU4Rec(SequenceRetriever):
    """Scores the next item by the state of a gated recurrent network after a session.

    Items that are drawn by a power of their popularity, once for a batch, stand against the next
    item of every step: in the softmax, or by BPR-max, −log Σⱼ sⱼ σ(r − rⱼ) + λ Σⱼ sⱼ rⱼ² with the
    softmax s over the negatives (eq. 10). With the power 1 they are what the other sessions of a
    batch would give. Input and output share their vectors, the paper's constrained embedding.
    Sessions stand behind one another in the rows of a batch, and the state begins anew with each;
    gradients go back to the beginning of a session, where the paper's program stops at one step.

    When to choose it:
        Where sessions are short and the last few items decide, or where requests come one event
        at a time. Compare it with `session_knn` first, which beats it on some data.

    Args:
        schema: Fitted schema with a sequence whose source is the item id; its user is the session
            where sessions are what is told apart.
        embedding_dim: Width of the items and of the state.
        dropout: Share of each item's vector and of the state that is dropped.
        objective: `softmax` or `bpr_max`.
        num_negatives: Items that are drawn for a batch; 0 takes all, with the softmax.
        sample_power: Power of the popularity that they are drawn by.
        penalty: λ of BPR-max.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: `objective` is unknown, or the number of negatives does not go with it.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = GRU4Rec(train.schema, embedding_dim=16, num_negatives=32)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 100,
        dropout: float = 0.0,
        objective: str = "softmax",
        num_negatives: int = 2048,
        sample_power: float = 0.5,
        penalty: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            lambda items: NextItemTask(
                objective, items, num_negatives, sample_power=sample_power, penalty=penalty
            ),
            **kwargs,
        )
        self.dropout = dropout
        self.objective = objective
        self.num_negatives = num_negatives
        self.sample_power = sample_power
        self.penalty = penalty
        self.drop = Dropout(dropout)
        self.recur = AttentionGRU(embedding_dim, "gru", name="recur")

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adagrad, as in the paper."""
        return Adagrad(0.05)

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the state after each step, `[batch, steps, embedding_dim]`."""
        before = tf.pad(remaining[:, :-1], [[0, 0], [1, 0]])
        starts = (remaining > 0) & (remaining != before - 1)
        steps = self.drop(vectors, training=training)
        states = self.recur(steps, remaining > 0, starts=starts, training=training)
        return self.drop(states, training=training)
