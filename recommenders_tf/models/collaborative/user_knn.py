"""User-based neighbours: what people like you met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from scipy import sparse

from recommenders_tf.features import INTERACTION_ITEMS, get_column
from recommenders_tf.layers.sparse_rows import SparseRows
from recommenders_tf.models.neighbours import (
    NeighbourRetriever,
    comparable,
    item_means,
    loss_of_some,
    measure_of,
    nearest_rows,
    row_means,
    squared_norms,
)
from recommenders_tf.models.rating_neighbours import RatingNeighbours
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice


@register(
    paper="Resnick, Iacovou, Suchak, Bergstrom, Riedl: GroupLens: An Open Architecture for "
    "Collaborative Filtering of Netnews, CSCW 1994; shrinkage of Ferrari Dacrema, Cremonesi, "
    "Jannach: Are We Really Making Much Progress?, RecSys 2019, arXiv:1907.06902",
    search_space={"similarity": Choice(("cosine", "jaccard"))},
)
class UserKNN(RatingNeighbours):
    """Scores an item by the similarity of the users who met it: Σ_v s_uv x_vi.

    The sum is over the k users v with the largest s_uv above 0. Similarities are those of
    `item_knn` with users in the place of items: `pearson` takes off the mean of the user,
    `adjusted_cosine` the mean of the item.

    x is 1 for every item met, or the rating. The sum is what orders items best; the weighted mean
    of Resnick et al. (1994), r̄_u + Σ_v s_uv (r_vi - r̄_v) / Σ_v |s_uv| over the neighbours who
    rated i, is a rating.

    The neighbours of the users of training are kept. Who has met something since, or is new, is
    compared with all of them when the question comes.

    When to choose it:
        As a control beside `item_knn`, where users are some hundred thousand at most and met
        enough to be compared.

    Args:
        schema: Fitted schema; only the ids of user and item are used, and of ratings the label.
        num_neighbours: k.
        similarity: `cosine`, `pearson`, `adjusted_cosine` or `jaccard`. The middle two compare
            ratings.
        shrinkage: What is added to the divisor of a similarity.
        ratings: Whether x is the rating, the schema's label as it is, and not just 1.
        weighted_mean: Whether the score is the weighted mean of ratings.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows, or there are no ratings.
        ValueError: An argument is out of its range, or asks for ratings without `ratings`.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = UserKNN(train.schema, num_neighbours=20)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    contract_exceptions = NeighbourRetriever.contract_exceptions

    def __init__(
        self,
        schema: FeatureSchema,
        num_neighbours: int = 100,
        similarity: str = "cosine",
        shrinkage: float = 0.0,
        ratings: bool = False,
        weighted_mean: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema, num_neighbours, similarity, shrinkage, ratings, weighted_mean, **kwargs
        )
        self.neighbours = SparseRows(self.num_users, self.num_users, name="neighbours")
        self.members = SparseRows(self.num_items, self.num_users, name="members")
        self.norms, self.user_means, self.item_means = (
            self.add_weight(
                name=name,
                shape=[size],
                initializer="zeros",
                trainable=False,
                dtype=tf.float32,
                experimental_autocast=False,
            )
            for name, size in (
                ("norms", self.num_users),
                ("user_means", self.num_users),
                ("item_means", self.num_items),
            )
        )

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from, and what comparing a new user with it needs."""
        super().remember(matrix)
        users = comparable(matrix, self.similarity)
        self.members.assign(users.T.tocsr())
        self.norms.assign(squared_norms(users))
        self.user_means.assign(row_means(matrix))
        self.item_means.assign(item_means(matrix))

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Find the neighbours of all users, and return the loss of some."""
        users = comparable(matrix, self.similarity)
        measure = measure_of(self.similarity, self.shrinkage)
        self.neighbours.assign(nearest_rows(users, measure, self.num_neighbours))
        return loss_of_some(self, matrix)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the score of every item id, float32 `[batch, items]`."""
        values, known = self.read(features)
        users = get_column(features, self.schema.user_id.name)
        as_trained = tf.ones_like(users, tf.bool)
        if INTERACTION_ITEMS in features:
            before, met = self.interactions(users)
            unchanged = tf.logical_and(values == before, known == met)
            as_trained = tf.reduce_all(unchanged, axis=1)
        scores = self.score_users(users, as_trained, values, known)
        return self.with_cold_start(scores, known)

    @tf.function(autograph=False, reduce_retracing=True)  # or a loop of Python over users
    def score_users(
        self, users: tf.Tensor, as_trained: tf.Tensor, values: tf.Tensor, known: tf.Tensor
    ) -> tf.Tensor:
        """Return the score of every item, one user after another, float32 `[batch, items]`.

        Args:
            users: Encoded ids, int64 `[batch]`.
            as_trained: Whether a user has met what training knew, bool `[batch]`.
            values: What items count, float32 `[batch, items]`.
            known: Which items a user has met, bool `[batch, items]`.
        """

        def score(user: tuple[tf.Tensor, ...]) -> tf.Tensor:
            row, is_trained, counts, met = user
            items = tf.where(met)[:, 0]
            counts = tf.gather(counts, items)
            others, similarities = tf.cond(
                is_trained, lambda: self._kept(row), lambda: self._nearest(row, items, counts)
            )
            return self._sum(others, similarities, tf.reduce_mean(counts))

        spec = tf.TensorSpec([self.num_items], tf.float32)
        return tf.map_fn(score, (users, as_trained, values, known), fn_output_signature=spec)

    def _kept(self, user: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the neighbours of a user of training and their similarities."""
        others, similarities = self.neighbours.entries(user[tf.newaxis])
        return others.flat_values, similarities

    def _nearest(
        self, user: tf.Tensor, items: tf.Tensor, values: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the neighbours of whoever has met these items; nobody is their own."""
        if self.similarity == "pearson":
            values -= tf.reduce_mean(values)
        elif self.similarity == "adjusted_cosine":
            values -= tf.gather(self.item_means, items)
        elif self.similarity == "jaccard":
            values = tf.ones_like(values)
        others, theirs = self.members.entries(items)
        products = theirs * tf.gather(values, others.value_rowids())
        inner = tf.math.unsorted_segment_sum(products, others.flat_values, self.num_users)
        norm = tf.reduce_sum(values**2)
        divisor = tf.sqrt(norm * self.norms)
        if self.similarity == "jaccard":
            divisor = norm + self.norms - inner
        similarities = tf.math.divide_no_nan(inner, divisor + self.shrinkage)
        similarities *= tf.cast(tf.range(self.num_users, dtype=user.dtype) != user, tf.float32)
        best, rows = tf.math.top_k(similarities, min(self.num_neighbours, self.num_users))
        return tf.cast(rows[best > 0], tf.int64), best[best > 0]

    def _sum(self, others: tf.Tensor, similarities: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
        """Return the score of every item by what neighbours met, float32 `[items]`."""
        items, values = self.interactions.entries(others)
        owners = items.value_rowids()
        weights = tf.gather(similarities, owners)
        if not self.weighted_mean:
            return tf.math.unsorted_segment_sum(weights * values, items.flat_values, self.num_items)
        values -= tf.gather(self.user_means, tf.gather(others, owners))
        parts = tf.stack([weights * values, weights], axis=1)
        sums = tf.math.unsorted_segment_sum(parts, items.flat_values, self.num_items)
        return mean + tf.math.divide_no_nan(sums[:, 0], sums[:, 1])
