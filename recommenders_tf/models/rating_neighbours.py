"""What neighbours of items and of users have in common: events or ratings, sums or means."""

from __future__ import annotations

from typing import Any

from scipy import sparse

from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.neighbours import SIMILARITIES, item_means
from recommenders_tf.models.rating_retriever import RatingRetriever
from recommenders_tf.schema import FeatureSchema


class RatingNeighbours(RatingRetriever, HistoryRetriever):
    """A model that sums what neighbours met, or takes the mean of what they rated.

    Args:
        schema: Fitted schema, with a label where `ratings` are asked for.
        num_neighbours: Most neighbours of an item or a user.
        similarity: One of `neighbours.SIMILARITIES`; `pearson` and `adjusted_cosine` compare
            ratings.
        shrinkage: What is added to the divisor of a similarity.
        ratings: Whether what was met counts its rating, the schema's label as it is, and not 1.
        weighted_mean: Whether the score is a mean of ratings.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: See `MatrixRetriever`.
        ValueError: An argument is out of its range, or asks for ratings without `ratings`.
    """

    def __init__(
        self,
        schema: FeatureSchema,
        num_neighbours: int,
        similarity: str,
        shrinkage: float,
        ratings: bool,
        weighted_mean: bool,
        **kwargs: Any,
    ) -> None:
        if similarity not in SIMILARITIES:
            raise ValueError(
                f"`similarity` must be one of {', '.join(SIMILARITIES)}. Received: {similarity!r}."
            )
        if num_neighbours < 1:
            raise ValueError(f"`num_neighbours` must be at least 1. Received: {num_neighbours}.")
        if shrinkage < 0:
            raise ValueError(f"`shrinkage` must be at least 0. Received: {shrinkage}.")
        if not ratings and similarity in ("pearson", "adjusted_cosine"):
            raise ValueError(
                f"`similarity` {similarity!r} compares ratings, which are all alike where an item "
                "was just met: set `ratings`, or take 'cosine' or 'jaccard'."
            )
        if not ratings and weighted_mean:
            raise ValueError(
                "`weighted_mean` is one of ratings, and the same for all items without them: set "
                "`ratings` as well."
            )
        if ratings:
            self.needs_label, self.combine = True, "mean"
        super().__init__(schema, **kwargs)
        self.num_neighbours = num_neighbours
        self.similarity = similarity
        self.shrinkage = shrinkage
        self.ratings = ratings
        self.weighted_mean = self.predicts_ratings = weighted_mean

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from; a rating of somebody new is the mean of the item's."""
        super().remember(matrix)
        if self.weighted_mean:
            self.popularity.assign(item_means(matrix))
