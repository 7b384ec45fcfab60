"""Several interests of a user by dynamic routing, led to what they should tell by attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import MLP, InterestRouting, visible_steps
from recommenders_tf.models.multi_interest_retriever import MultiInterestRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Li et al.: Multi-Interest Network with Dynamic Routing for Recommendation at Tmall, "
    "CIKM 2019, arXiv:1904.08030",
    search_space={
        "interests": Choice((2, 4, 8)),
        "power": Range(0.5, 8.0, "log"),
        "num_negatives": Choice((256, 1280, 5120)),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class MIND(MultiInterestRetriever):
    """Scores the next item by the best of K interests, maxₖ ⟨vₖ, eᵢ⟩.

    Items are routed to capsules that share one matrix (eq. 4 to 7); two layers of rectifiers make
    an interest of each capsule. In training the interests are averaged with the weights softmax
    of ⟨vₖ, e⟩ to the power p for the next item (label-aware attention, eq. 8 and 9), and the mean
    has to tell it, in the softmax over it and drawn items. Signs stay as they are under the power.
    Every user has K interests; the paper gives log₂ of the items met to those who met few. The
    features of the user, which the paper puts beside each capsule, are left out.

    When to choose it:
        As `comirec`, which mostly does better; where interests should share what they learn.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width of items and interests.
        interests: Number K of interests.
        hidden_units: Widths of the layers behind the capsules, but for the last one.
        power: p: 0 weighs all alike, and a large one the best alone.
        num_negatives: Items that are drawn for a batch; 0 takes all.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: A number is too small.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = MIND(train.schema, embedding_dim=16)
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
        hidden_units: Sequence[int] = (256,),
        power: float = 1.0,
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
        if power < 0:
            raise ValueError(f"`power` must be at least 0; it is {power}.")
        self.hidden_units = hidden_units
        self.power = power
        self.num_negatives = num_negatives
        self.route = InterestRouting(
            interests, self.column.max_length or 0, shared=True, name="route"
        )
        self.network = MLP(
            [*hidden_units, embedding_dim], "relu", hidden_output=True, name="network"
        )

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the interests after each step, `[batch, steps, interests * embedding_dim]`."""
        capsules = self.route(vectors, visible_steps(remaining, causal=True))
        found = self.network(tf.reshape(capsules, [-1, self.embedding_dim]), training=training)
        return tf.reshape(found, [-1, tf.shape(vectors)[1], self.interests * self.embedding_dim])

    def choose(self, scores: tf.Tensor) -> tf.Tensor:
        """Return the softmax of the scores to the power p."""
        exact = tf.cast(scores, tf.float32)
        # The root of 0 has no gradient.
        raised = tf.sign(exact) * (tf.abs(exact) + 1e-6) ** self.power
        return tf.cast(tf.nn.softmax(raised, axis=2), scores.dtype)
