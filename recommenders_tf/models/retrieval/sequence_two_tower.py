"""Two towers, the one of the query with an encoder of what its user did last."""

from __future__ import annotations

from typing import Any

from recommenders_tf.layers import HistoryState
from recommenders_tf.models.retrieval.two_tower import TwoTower
from recommenders_tf.models.sequence_columns import sequence_of_items
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, Role
from recommenders_tf.search_space import Choice, Range


@register(
    paper="Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item "
    "Recommendations, RecSys 2019; Kang, McAuley: Self-Attentive Sequential Recommendation, ICDM "
    "2018, arXiv:1808.09781",
    search_space={
        "encoder": Choice(("attention", "gru")),
        "temperature": Range(0.02, 1.0, "log"),
        "num_negatives": Choice((0, 1, 4)),
    },
)
class SequenceTwoTower(TwoTower):
    """Encodes a user's recent items in order, beside all features of `two_tower`.

    The state after the last item, of the causal attention of SASRec or of a gated recurrent unit,
    stands in the query tower where `two_tower` has the mean of the items. Everything else is as
    there, so that the candidates keep their features, which sequence models do without.

    When to choose it:
        Where the order of what users did tells what comes next, and items come and go too fast,
        or are too many, to be told by their ids alone.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width of embeddings, of the state, and of both towers' output.
        encoder: `attention` or `gru`.
        temperature: τ, which the products of the normalized vectors are divided by; None takes
            the vectors as they are, not normalized.
        dropout: Share of values that the encoder drops.
        learning_rate: Of the default optimizer, Adagrad.
        num_negatives: Items drawn uniformly for each event.
        num_hard_negatives: Negatives that count for a query, those with the highest logits; 0
            lets all count.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, or no event time.
        ValueError: `encoder` is unknown.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SequenceTwoTower(train.schema, embedding_dim=16, encoder="gru")
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        encoder: str = "attention",
        temperature: float | None = 0.1,
        dropout: float = 0.0,
        learning_rate: float = 0.02,
        num_negatives: int = 0,
        num_hard_negatives: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            (),
            temperature,
            dropout,
            learning_rate,
            num_negatives,
            num_hard_negatives,
            **kwargs,
        )
        self.encoder = encoder
        history = HistoryState(
            schema, sequence_of_items(schema).name, embedding_dim, encoder, dropout, name="history"
        )
        self.query_tower = self.tower({Role.USER, Role.CONTEXT}, "user_tower", history)
