"""Item-based neighbours: items that are alike because the same people met them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.models.neighbours import (
    NeighbourRetriever,
    comparable,
    loss_of_some,
    measure_of,
    nearest_rows,
)
from recommenders_tf.models.rating_neighbours import RatingNeighbours
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range


@register(
    paper="Sarwar, Karypis, Konstan, Riedl: Item-Based Collaborative Filtering Recommendation "
    "Algorithms, WWW 2001; shrinkage of Ferrari Dacrema, Cremonesi, Jannach: Are We Really Making "
    "Much Progress?, RecSys 2019, arXiv:1907.06902",
    search_space={
        "similarity": Choice(("cosine", "jaccard")),
        "asymmetry": Range(0.0, 1.0),
        "inverse_user_frequency": Choice((False, True)),
    },
)
class ItemKNN(RatingNeighbours, NeighbourRetriever):
    """Scores an item by its similarity to the items that a user has met: Σ_i s_ij x_i.

    Item j has the k items i with the largest s_ij above 0 for neighbours. With item vectors a over
    users, `cosine` is s = a_iᵀa_j / (‖a_i‖‖a_j‖ + h), where h shrinks the similarities that few
    users speak for. `pearson` is that of ratings less the mean of the item, `adjusted_cosine` less
    the mean of the user (Sarwar et al., section 3.1), with the norms over all users of an item, as
    in Ferrari Dacrema et al.; `jaccard` is n_ij / (n_i + n_j - n_ij + h) of numbers of users.

    A user's x is 1 for every item met, or the rating. The sum is what orders items best; divided by
    Σ_i |s_ij| over the rated neighbours, the weighted mean of Sarwar et al. (section 3.2.1), it is
    a rating. An item without a rated neighbour then has the mean of the user's ratings.

    When to choose it:
        As a control that many deep models do not beat, and where users should see why: because you
        met that. Items may be many, since only neighbours are kept.

    Args:
        schema: Fitted schema; only the ids of user and item are used, and of ratings the label.
        num_neighbours: k.
        similarity: `cosine`, `pearson`, `adjusted_cosine` or `jaccard`. The middle two compare
            ratings.
        shrinkage: h.
        asymmetry: α, between 0 and 1; ½ is the cosine itself.
        inverse_user_frequency: Whether users who met much weigh less in similarities.
        ratings: Whether x is the rating, the schema's label as it is, and not just 1.
        weighted_mean: Whether the score is the weighted mean of ratings.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows, or there are no ratings.
        ValueError: An argument is out of its range, or asks for ratings without `ratings`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = ItemKNN(train.schema, num_neighbours=20)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        num_neighbours: int = 100,
        similarity: str = "cosine",
        shrinkage: float = 0.0,
        asymmetry: float = 0.5,
        inverse_user_frequency: bool = False,
        ratings: bool = False,
        weighted_mean: bool = False,
        **kwargs: Any,
    ) -> None:
        if not 0 <= asymmetry <= 1:
            raise ValueError(f"`asymmetry` must lie between 0 and 1. Received: {asymmetry}.")
        super().__init__(
            schema, num_neighbours, similarity, shrinkage, ratings, weighted_mean, **kwargs
        )
        self.asymmetry = asymmetry
        self.inverse_user_frequency = inverse_user_frequency

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Find the neighbours, and return the loss of some users."""
        items = comparable(matrix.T.tocsr(), self.similarity)
        if self.inverse_user_frequency:
            met, num_met = np.diff(matrix.indptr), np.count_nonzero(np.diff(items.indptr))
            items.data *= np.log(num_met / np.maximum(1, met))[items.indices]
        measure = measure_of(self.similarity, self.shrinkage, self.asymmetry)
        nearest = nearest_rows(items, measure, self.num_neighbours)
        self.similarities.assign(nearest.T.tocsr())
        return loss_of_some(self, matrix)

    def score_items(self, values: tf.Tensor, known: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return x S, or the mean of x that S weighs."""
        sums = super().score_items(values, known)
        if not self.weighted_mean:
            return sums
        weights = super().score_items(tf.ones_like(values), known)
        rated = tf.math.count_nonzero(known, axis=1, keepdims=True, dtype=tf.float32)
        mean = tf.math.divide_no_nan(tf.reduce_sum(values, axis=1, keepdims=True), rated)
        return tf.where(weights > 0, tf.math.divide_no_nan(sums, weights), mean)
