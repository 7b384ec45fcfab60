"""Biased matrix factorization of ratings."""

from __future__ import annotations

from typing import Any

from recommenders_tf.models.biased_factors import BiasedFactors
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="Koren, Bell, Volinsky: Matrix Factorization Techniques for Recommender Systems, "
    "IEEE Computer 2009",
    search_space={"l2": Range(1e-3, 1.0, "log")},
)
class SVD(BiasedFactors):
    """Predicts a rating by μ + b_u + b_i + q_iᵀp_u.

    It minimizes Σ_ratings (r - μ - b_u - b_i - q_iᵀp_u)² + λ (‖p_u‖² + ‖q_i‖² + b_u² + b_i²)
    (eq. 5). Several ratings of one pair count as their mean. A user or an item that training has
    not seen adds nothing: what is left is the mean and the other's bias.

    When to choose it:
        For ratings as such, where the error of the prediction counts. To order a catalogue, a
        model of events is the better choice: what people choose to rate says more than how.

    Args:
        schema: Fitted schema with a label that is a rating; only the ids of user and item are
            used beside it.
        embedding_dim: Width of p and q.
        l2: λ.
        init_stddev: Standard deviation of the initial p and q.
        learning_rate: Of the default optimizer, lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no label, or the id of the users or of the items grows.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SVD(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        l2: float = 0.1,
        init_stddev: float = 0.1,
        learning_rate: float = 0.005,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, embedding_dim, l2, init_stddev, learning_rate, **kwargs)
