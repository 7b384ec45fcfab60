"""Several interests of a user, by attention or by routing, the best one of which tells an item."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.layers import Dropout, InterestAttention, InterestRouting, visible_steps
from recommenders_tf.models.multi_interest_retriever import MultiInterestRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask

EXTRACTORS = ("attention", "routing")


@register(
    paper="Cen et al.: Controllable Multi-Interest Framework for Recommendation, KDD 2020, "
    "arXiv:2005.09347",
    search_space={
        "interests": Choice((2, 4, 8)),
        "extractor": Choice(EXTRACTORS),
        "num_negatives": Choice((256, 1280, 5120)),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class ComiRec(MultiInterestRetriever):
    """Scores the next item by the best of K interests, maxₖ ⟨vₖ, eᵢ⟩.

    `attention` is the paper's ComiRec-SA, K sums of the items met, each with weights of its own;
    `routing` is ComiRec-DR, capsules that items are routed to, with a matrix for each capsule that
    all steps share. In training the interest that fits the next item best has to tell it (eq. 8),
    in the softmax over it and drawn items (eq. 9). An answer is the union of the nearest items of
    all interests (eq. 11 with λ = 0); what makes it diverse is in `rerank`.

    When to choose it:
        Where users want several things at once, which one vector would average.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width of items and interests.
        interests: Number K of interests.
        extractor: `attention` or `routing`.
        dropout: Share of each item's vector that is dropped.
        num_negatives: Items that are drawn for a batch; 0 takes all.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: `extractor` is unknown, or a number is too small.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = ComiRec(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        interests: int = 4,
        extractor: str = "attention",
        dropout: float = 0.0,
        num_negatives: int = 1280,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            interests,
            lambda items: NextItemTask("softmax", items, num_negatives),
            **kwargs,
        )
        if extractor not in EXTRACTORS:
            raise ValueError(
                f"`extractor` is `{extractor}`; it must be one of {', '.join(EXTRACTORS)}."
            )
        self.extractor = extractor
        self.dropout = dropout
        self.num_negatives = num_negatives
        self.drop = Dropout(dropout)
        layer = InterestAttention if extractor == "attention" else InterestRouting
        self.extract = layer(interests, self.column.max_length or 0, name="extract")

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the interests after each step, `[batch, steps, interests * embedding_dim]`."""
        steps = self.drop(vectors, training=training)
        found = self.extract(steps, visible_steps(remaining, causal=True))
        return tf.reshape(found, [-1, tf.shape(vectors)[1], self.interests * self.embedding_dim])

    def choose(self, scores: tf.Tensor) -> tf.Tensor:
        """Return 1 for the interest with the highest score, 0 for the others."""
        return tf.one_hot(tf.argmax(scores, axis=2), self.interests, dtype=scores.dtype)
