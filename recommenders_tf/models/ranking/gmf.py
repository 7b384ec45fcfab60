"""Generalized matrix factorization: a weighted product of two vectors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from recommenders_tf.models.neural_cf import NeuralCF, ProductBranch
from recommenders_tf.models.sampled_retriever import SampledRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(paper="He et al.: Neural Collaborative Filtering, WWW 2017, arXiv:1708.05031")
class GMF(NeuralCF):
    """Scores a pair by hᵀ(p_u ⊙ q_i), trained to tell events from sampled negatives.

    The score is that of eq. 9 and 11, an inner product whose terms have learned weights h; the
    loss is the binary cross-entropy of eq. 7, where each event is a positive with `num_negatives`
    items that the user has not met, drawn anew at every step. Only p and q start from the paper's
    Gaussian, h as in the authors' program.

    When to choose it:
        As the linear half of `neumf`, to see what its network adds. `mf` has biases and a penalty
        besides, and is the stronger model of the two once it is tuned.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        embedding_dim: Width of p and q, the paper's predictive factors.
        num_negatives: Negatives for each event.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The item id grows.
        ValueError: `num_negatives` is below 1.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = GMF(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 8,
        num_negatives: int = 4,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        branch = ProductBranch(schema, embedding_dim, name="product")
        super().__init__(schema, [branch], num_negatives, learning_rate, **kwargs)
        self.embedding_dim = embedding_dim

    def score_candidates(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every candidate, by one matrix product."""
        return super(SampledRetriever, self).score_candidates(query, candidates)
