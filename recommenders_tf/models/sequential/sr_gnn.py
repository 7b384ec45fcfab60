"""Session-based recommendation by a graph neural network over what follows what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import SessionGraph, last_step, visible_steps
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Wu et al.: Session-based Recommendation with Graph Neural Networks, AAAI 2019, "
    "arXiv:1811.00855",
    search_space={
        "num_negatives": Choice((0, 512, 2048)),
        "learning_rate": Range(1e-4, 0.01, "log"),
    },
)
class SRGNN(SequenceRetriever):
    """Scores the next item by ⟨W₃ [v_n, Σᵢ αᵢ vᵢ], eᵢ⟩ with nodes v of the session's graph.

    The items of a session are nodes, with an edge from each to what was met right after it;
    `SessionGraph` updates each by its neighbours. The last node is the current interest, the
    sum over all steps the general one, with αᵢ = qᵀ σ(W₁ v_n + W₂ vᵢ + c), not normalized (eq. 6
    and 7). The loss is the softmax over all items. The graphs of all beginnings of a session are
    trained at once, with rows × steps² × `embedding_dim` numbers in memory several times: give
    sequences a `max_length` of some 20 steps, and take batches of some 100 rows.

    When to choose it:
        Where sessions go back and forth between items, so that what follows what says more than
        the order alone.

    Args:
        schema: Fitted schema with a sequence whose source is the item id; its user is the session
            where sessions are what is told apart.
        embedding_dim: Width of items and states.
        num_negatives: Items of the softmax beside the next one; 0 takes all.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: `num_negatives` is negative.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SRGNN(train.schema, embedding_dim=8)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, batch_size=32, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 100,
        num_negatives: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            lambda items: NextItemTask("softmax", items, num_negatives),
            **kwargs,
        )
        self.num_negatives = num_negatives
        self.graph = SessionGraph(name="graph")
        dense = tf.keras.layers.Dense
        self.of_last = dense(embedding_dim, use_bias=False, name="of_last")
        self.of_each = dense(embedding_dim, name="of_each")
        self.weigh = dense(1, use_bias=False, name="weigh")
        self.join = dense(embedding_dim, use_bias=False, name="join")

    def of_steps(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the items of the steps as `encode` takes them."""
        return {"items": features[self.column.name]}

    def encode(
        self,
        vectors: tf.Tensor,
        remaining: tf.Tensor,
        training: bool = False,
        items: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return the state after each step, `[batch, steps, embedding_dim]`.

        Args:
            vectors: Of the items, `[batch, steps, embedding_dim]`.
            remaining: Steps that are left of each sequence, int32 `[batch, steps]`.
            training: Whether the model is trained.
            items: Their ids, int64 `[batch, steps]`; None takes all steps for different items.
        """
        own = tf.eye(tf.shape(vectors)[1])
        equal = own > 0 if items is None else items[:, :, tf.newaxis] == items[:, tf.newaxis]
        visible = visible_steps(remaining, causal=True)
        nodes = self.graph(vectors, equal & visible_steps(remaining, causal=False), visible)
        last = tf.reduce_sum(nodes * tf.cast(own, nodes.dtype)[:, :, tf.newaxis], axis=2)
        return self._joined(nodes, last, visible)

    def last_state(self, features: Mapping[str, tf.Tensor], remaining: tf.Tensor) -> tf.Tensor:
        """Return the state after the last step: of one graph, not of those after all steps."""
        items, is_real = features[self.column.name], remaining > 0
        causal, both_ways = (visible_steps(remaining, causal=causal) for causal in (True, False))
        same = (items[:, :, tf.newaxis] == items[:, tf.newaxis]) & both_ways
        nodes = self.graph(self.steps(features), same, causal, last_only=True)
        last = last_step(nodes[:, 0], remaining)[:, tf.newaxis]
        state = self._joined(nodes, last, is_real[:, tf.newaxis])
        return self.in_context(state, features)[:, 0]

    def _joined(self, nodes: tf.Tensor, last: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
        """Return the states of graphs, `[batch, graphs, embedding_dim]`.

        Args:
            nodes: `[batch, graphs, steps, dim]`.
            last: The last node of each graph, `[batch, graphs, dim]`.
            visible: Which nodes a graph has, `[batch, graphs, steps]`.
        """
        hidden = tf.sigmoid(self.of_last(last)[:, :, tf.newaxis] + self.of_each(nodes))
        weights = tf.where(visible[:, :, :, tf.newaxis], self.weigh(hidden), 0)
        both = tf.concat([last, tf.reduce_sum(weights * nodes, axis=2)], axis=2)
        return self.join(both)
