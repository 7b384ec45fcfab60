"""Deep Interest Evolution Network: how a user's interest in the candidate came to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.features import get_column
from recommenders_tf.layers import (
    MLP,
    AttentionGRU,
    FeatureEmbedding,
    NextBehaviourLoss,
    SoftmaxAttention,
)
from recommenders_tf.models.ranker import Ranker
from recommenders_tf.models.sequence_columns import behaviour_width
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, Kind

EVOLUTIONS = ("augru", "agru", "aigru")


@register(
    paper="Zhou et al.: Deep Interest Evolution Network for Click-Through Rate Prediction, "
    "AAAI 2019, arXiv:1809.03672"
)
class DIEN(Ranker):
    """Predicts from the last state of an interest that evolves with what concerns the candidate.

    A behaviour e[t] is the vectors of all sequences at step t, side by side: item and category.
    A GRU turns behaviours into interests hₜ (eq. 2 to 5), and an auxiliary loss has each interest
    tell the next behaviour (eq. 6): L = L_target + α L_aux (eq. 7). Attention to the candidate,
    aₜ = softmaxₜ(hₜ W e_candidate) (eq. 8), weighs the steps of a second GRU whose last state
    h′ goes into the network beside the vectors of all other columns. See `AttentionGRU` and
    `NextBehaviourLoss`.

    The auxiliary loss compares by the inner product of the paper; the authors' program has a
    network there. Crosses of the schema are left out: the model learns its own.

    When to choose it:
        Where tastes move and the order of a long past tells more than what is in it. The two
        recurrent networks go step by step, which takes longer than what `din` does at once.

    Args:
        schema: Fitted schema with a label and at least one sequence.
        embedding_dim: Width of the embeddings where the schema gives none.
        evolution: How attention enters the second GRU: `augru`, `agru` or `aigru`.
        auxiliary_weight: Weight α of the auxiliary loss; 0 leaves it out.
        hidden_units: Hidden layers of the network over all vectors.
        activation: Of these layers: `dice`, `prelu`, or one of Keras.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no sequence, or sequences differ in `max_length`, or from their
            source in width.
        ValueError: `evolution` is unknown.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = DIEN(train.schema, embedding_dim=8, hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 18,
        evolution: str = "augru",
        auxiliary_weight: float = 1.0,
        hidden_units: Sequence[int] = (200, 80),
        activation: str = "dice",
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if evolution not in EVOLUTIONS:
            raise ValueError(
                f"`evolution` is `{evolution}`; it must be one of {', '.join(EVOLUTIONS)}."
            )
        self.embedding_dim = embedding_dim
        self.evolution = evolution
        self.auxiliary_weight = auxiliary_weight
        self.hidden_units = hidden_units
        self.activation = activation
        self.learning_rate = learning_rate
        width = behaviour_width(schema, embedding_dim, type(self).__name__)
        columns = [c.name for c in schema.uncrossed if c.kind is not Kind.SEQUENCE]
        self.embed = FeatureEmbedding(schema, columns, embedding_dim, name="embed")
        self.extract = AttentionGRU(width, "gru", name="extract")
        self.next_behaviour = NextBehaviourLoss(name="next_behaviour")
        self.attend = SoftmaxAttention(width, name="attend")
        self.evolve = AttentionGRU(width, evolution, return_sequences=False, name="evolve")
        self.deep = MLP([*hidden_units, 1], activation, name="deep")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits, float32 `[batch, 1]`."""
        vectors = dict(zip(self.embed.columns, self.embed(inputs), strict=True))
        sequences = self.schema.sequences
        candidate = tf.concat([vectors[str(c.source)] for c in sequences], axis=1)
        behaviours = tf.concat([self.embed.rows(inputs, c.name) for c in sequences], axis=2)
        mask = get_column(inputs, self.schema.mask_name(sequences[0]))
        interests = self.extract(behaviours, mask, training=training)
        if training and self.auxiliary_weight:
            ids = get_column(inputs, sequences[0].name)
            loss = self.next_behaviour(interests, behaviours, ids, mask)
            self.add_loss(self.auxiliary_weight * loss)
        attention = self.attend(candidate, interests, mask)
        evolved = self.evolve(interests, mask, attention, training=training)
        hidden = tf.concat([*vectors.values(), evolved], axis=1)
        return tf.cast(self.deep(hidden, training=training), tf.float32)
