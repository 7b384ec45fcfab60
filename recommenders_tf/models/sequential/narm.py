"""Session-based recommendation by a recurrent network that attends to its own states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import AttentionGRU, Dropout, last_step, visible_steps
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Li et al.: Neural Attentive Session-based Recommendation, CIKM 2017, arXiv:1711.04725",
    search_space={
        "hidden_dim": Choice((50, 100, 200)),
        "num_negatives": Choice((0, 512, 2048)),
        "learning_rate": Range(1e-4, 0.01, "log"),
    },
)
class NARM(SequenceRetriever):
    """Scores the next item by embᵢᵀ B [hₜ, Σⱼ αₜⱼ hⱼ], the states hⱼ of a recurrent network.

    The last state is what the session does as a whole; the sum is its main purpose, with
    αₜⱼ = vᵀ σ(A₁ hₜ + A₂ hⱼ) over all steps j up to t, not normalized (eq. 4 to 9). Both are
    decoded bilinearly (eq. 10), and the loss is the softmax over all items (eq. 11). The scores
    have no bias. All steps of a session are trained at once, for which all pairs of a step and an
    earlier one of its session are in memory, `hidden_dim` numbers each and several times: take
    batches of some 100 rows where sessions are long.

    When to choose it:
        Where sessions wander off what they are about, and `gru4rec` follows the last click too
        closely.

    Args:
        schema: Fitted schema with a sequence whose source is the item id; its user is the session
            where sessions are what is told apart.
        embedding_dim: Width of the items.
        hidden_dim: Width of the states.
        dropout: Share of each item's vector that is dropped.
        state_dropout: Share of what is decoded that is dropped.
        num_negatives: Items of the softmax beside the next one; 0 takes all.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: `num_negatives` is negative.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = NARM(train.schema, embedding_dim=16, hidden_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    native = True  # False where XLA compiles the model

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 50,
        hidden_dim: int = 100,
        dropout: float = 0.25,
        state_dropout: float = 0.5,
        num_negatives: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            lambda items: NextItemTask("softmax", items, num_negatives),
            **kwargs,
        )
        self.hidden_dim = hidden_dim
        self.dropout = dropout
        self.state_dropout = state_dropout
        self.num_negatives = num_negatives
        self.drop = Dropout(dropout)
        self.drop_state = Dropout(state_dropout)
        self.recur = AttentionGRU(hidden_dim, "gru", name="recur")
        dense = tf.keras.layers.Dense
        self.of_last = dense(hidden_dim, use_bias=False, name="of_last")
        self.of_each = dense(hidden_dim, use_bias=False, name="of_each")
        self.weigh = dense(1, use_bias=False, name="weigh")
        self.decode = dense(embedding_dim, use_bias=False, name="decode")

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return B cₜ after each step, `[batch, steps, embedding_dim]`."""
        states = self._run(vectors, remaining, training)
        weights = self._weights(states, remaining, self.native and training)
        both = tf.concat([states, tf.matmul(weights, states)], axis=2)
        return self.decode(self.drop_state(both, training=training))

    def last_state(self, features: Mapping[str, tf.Tensor], remaining: tf.Tensor) -> tf.Tensor:
        """Return the state after the last step, from what that step attends to alone."""
        states = self._run(self.steps(features), remaining, training=False)
        last = last_step(states, remaining)
        weights = self.weigh(tf.sigmoid(self.of_last(last)[:, tf.newaxis] + self.of_each(states)))
        weights = tf.where(remaining[:, :, tf.newaxis] > 0, weights, 0)
        both = tf.concat([last, tf.reduce_sum(weights * states, axis=1)], axis=1)
        return self.in_context(self.decode(both)[:, tf.newaxis], features)[:, 0]

    def _run(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool) -> tf.Tensor:
        """Return the states of the recurrent network, `[batch, steps, hidden_dim]`."""
        before = tf.pad(remaining[:, :-1], [[0, 0], [1, 0]])
        starts = (remaining > 0) & (remaining != before - 1)
        steps = self.drop(vectors, training=training)
        return self.recur(steps, remaining > 0, starts=starts, training=training)

    def _weights(self, states: tf.Tensor, remaining: tf.Tensor, some: bool) -> tf.Tensor:
        """Return what each step attends to each with, 0 where it sees none `[batch, steps, steps]`.

        Args:
            states: `[batch, steps, hidden_dim]`.
            remaining: See `encode`.
            some: Whether to compute those of the pairs that see one another alone, which are few
                where sequences are short; XLA, which must know how many, can't.
        """
        visible = visible_steps(remaining, causal=True)
        last, each = self.of_last(states), self.of_each(states)
        if not some:
            every = self.weigh(tf.sigmoid(last[:, :, tf.newaxis] + each[:, tf.newaxis]))
            return tf.where(visible, every[:, :, :, 0], 0)
        pairs = tf.where(visible)
        last, each = (
            tf.gather_nd(of, tf.gather(pairs, [0, axis], axis=1))
            for axis, of in enumerate((last, each), start=1)
        )
        weights = self.weigh(tf.sigmoid(last + each))[:, 0]
        return tf.scatter_nd(pairs, weights, tf.shape(visible, tf.int64))
