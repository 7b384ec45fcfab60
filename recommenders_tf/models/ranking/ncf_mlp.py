"""Neural collaborative filtering by a network over the vectors of user and item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recommenders_tf.models.neural_cf import NeuralCF, TowerBranch
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(paper="He et al.: Neural Collaborative Filtering, WWW 2017, arXiv:1708.05031")
class NCFMLP(NeuralCF):
    """Scores a pair by hᵀ φ_L(… φ₂([p_u; q_i])), trained to tell events from sampled negatives.

    The score is that of eq. 10, φ_l(z) = max(0, W_lᵀ z + b_l); the loss is the binary cross-entropy
    of eq. 7, where each event is a positive with `num_negatives` items that the user has not met,
    drawn anew at every step. The tower is the one of the authors' program for eight predictive
    factors, 64 → 32 → 16 → 8 (the paper's text has vectors half as wide). As there, the Gaussian of
    the paper starts p and q only, and the score has a bias.

    When to choose it:
        As the network half of `neumf`, to see what its product adds. Alone it has to learn even
        the inner product from data, so `mf` or `gmf` is the better first try.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        embedding_dim: Width of p and q.
        hidden_units: Layers of the tower; the last is as wide as the paper's predictive factors.
        num_negatives: Negatives for each event.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The item id grows.
        ValueError: `num_negatives` is below 1 or `hidden_units` empty.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = NCFMLP(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 32,
        hidden_units: Sequence[int] = (32, 16, 8),
        num_negatives: int = 4,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        branch = TowerBranch(schema, embedding_dim, hidden_units, name="network")
        super().__init__(schema, [branch], num_negatives, learning_rate, **kwargs)
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
