"""Alternating least squares: users given the items, items given the users, in turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf import features
from recommenders_tf.features import get_column
from recommenders_tf.models.item_set_retriever import ItemSetRetriever
from recommenders_tf.models.least_squares import LeastSquares, solve_rows
from recommenders_tf.models.rating_retriever import RatingRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import Column, FeatureSchema
from recommenders_tf.search_space import Range

_INITIAL_NORM = 0.1


@register(
    paper="Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008; "
    "regularization of Rendle et al.: Revisiting the Performance of iALS on Item Recommendation "
    "Benchmarks, RecSys 2022, arXiv:2110.14037; ratings as in Zhou et al.: Large-Scale Parallel "
    "Collaborative Filtering for the Netflix Prize, AAIM 2008; steps of Takács, Pilászy, Tikk: "
    "Applications of the Conjugate Gradient Method for Implicit Feedback, RecSys 2011",
    search_space={
        "l2": Range(1e-4, 0.1, "log"),
        "unobserved_weight": Range(0.01, 1.0, "log"),
        "frequency_exponent": Range(0.0, 1.0),
        "sweeps": Range(4, 32, "log"),
    },
)
class ALS(RatingRetriever, ItemSetRetriever):
    """Scores a pair by p_uᵀq_i, where all p given q, and then all q given p, are least squares.

    Of events it minimizes, as Hu et al. (2008, eq. 3) in the scale of Rendle et al. (2022, eq. 1),
    Σ_events r (1 - p_uᵀq_i)² + α₀ Σ_all (p_uᵀq_i)² + λ Σ_u (n_u + α₀ I)^ν ‖p_u‖² and likewise for
    the items, where r is how often the pair occurred, n_u how many items u met, and I the number of
    items. The confidence 1 + α r of Hu et al. is α₀ = 1/α. Of ratings it minimizes
    Σ_ratings (r - μ - p_uᵀq_i)² + λ Σ_u n_u^ν ‖p_u‖² and likewise for the items; with ν = 1 this is
    the weighted λ of Zhou et al. (2008, eq. 3).

    A user who is new, or has met more since training, is solved for within the request. Who has
    met nothing gets what the average user gets.

    When to choose it:
        Where there are ids alone, and many of them: a sweep costs what there are events, and the
        model is small. It is among the best of the simple models when α₀ and λ are tuned.

    Args:
        schema: Fitted schema; only the ids of user and item, and with `explicit` the label, are
            used.
        embedding_dim: Width of p and q.
        l2: λ, positive.
        unobserved_weight: α₀; ratings do not use it.
        frequency_exponent: ν.
        sweeps: How often users and items are solved for.
        cg_steps: Steps of conjugate gradient for each row and sweep, from where the last one
            ended; 0 solves exactly, which takes longer the wider the vectors are.
        explicit: Whether to learn ratings, the schema's label, rather than events.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows, or `explicit` finds no label.
        ValueError: `l2` is not positive.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = ALS(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    contract_exceptions = {"gradients_reach_every_weight": "It is solved: there is no gradient."}

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        l2: float = 0.003,
        unobserved_weight: float = 0.1,
        frequency_exponent: float = 1.0,
        sweeps: int = 16,
        cg_steps: int = 3,
        explicit: bool = False,
        **kwargs: Any,
    ) -> None:
        if l2 <= 0:
            raise ValueError(
                f"`l2` must be positive, or some rows have no one solution; it is {l2}."
            )
        # Past Keras' tracking, which begins with the next line.
        object.__setattr__(self, "needs_label", explicit)
        object.__setattr__(self, "combine", "mean" if explicit else "sum")
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.l2 = l2
        self.unobserved_weight = unobserved_weight
        self.frequency_exponent = frequency_exponent
        self.sweeps = sweeps
        self.cg_steps = cg_steps
        self.explicit = self.predicts_ratings = explicit
        shapes = {
            "user_factors": [self.num_users, embedding_dim],
            "item_factors": [self.num_items, embedding_dim],
            "gram": [embedding_dim, embedding_dim],
            "mean": [],
        }
        self.user_factors, self.item_factors, self.gram, self.mean = (
            self.add_weight(
                name=name,
                shape=shape,
                initializer="zeros",
                trainable=False,
                dtype=tf.float32,
                experimental_autocast=False,
            )
            for name, shape in shapes.items()
        )

    def interaction_columns(self) -> list[Column]:
        """Return the label where ratings are learned."""
        return [self._label] if self.explicit and self._label else []

    # === Training ===

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from, and the mean of its ratings."""
        super().remember(matrix)
        self.mean.assign(matrix.data.mean() if self.explicit else 0.0)

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Set p and q, and return the objective over the number of users."""
        transposed = matrix.T.tocsr()
        users, items = self._problems(matrix), self._problems(transposed)
        user_l2, item_l2 = self._l2_of(matrix), self._l2_of(transposed)
        stddev = _INITIAL_NORM / np.sqrt(self.embedding_dim)
        p = tf.zeros([self.num_users, self.embedding_dim])
        q = tf.random.normal([self.num_items, self.embedding_dim], stddev=stddev)
        # What nobody met is zero from the start: a few steps of descent would not bring it there.
        q = tf.where(np.diff(transposed.indptr)[:, np.newaxis] > 0, q, 0.0)
        losses = tf.zeros([self.num_items])
        for _ in self.parts(self.sweeps):
            p, _ = solve_rows(users, q, self._gram(q), user_l2, p, self.cg_steps)
            q, losses = solve_rows(items, p, self._gram(p), item_l2, q, self.cg_steps)
        met = np.diff(matrix.indptr) > 0
        penalty = tf.reduce_sum(user_l2[:, tf.newaxis] * p**2)
        average = tf.reduce_mean(tf.boolean_mask(p, met), axis=0)
        self.user_factors.assign(tf.where(met[:, np.newaxis], p, average))
        self.item_factors.assign(q)
        self.gram.assign(self._gram(q))
        return float(tf.reduce_sum(losses) + penalty) / met.sum()

    def _problems(self, matrix: sparse.csr_matrix) -> LeastSquares:
        """Return the problems of all rows of a matrix."""
        values = tf.constant(matrix.data, tf.float32)
        splits, columns = (
            tf.constant(matrix.indptr, tf.int64),
            tf.constant(matrix.indices, tf.int32),
        )
        return LeastSquares(splits, columns, *self._terms(values))

    def _terms(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return weights and targets of what pairs count."""
        if self.explicit:
            return tf.ones_like(values), values - self.mean
        return values, tf.ones_like(values)

    def _gram(self, factors: tf.Tensor) -> tf.Tensor:
        """Return α₀ QᵀQ; of ratings zeros, as what is not there counts nothing."""
        if self.explicit:
            return tf.zeros([self.embedding_dim, self.embedding_dim])
        return self.unobserved_weight * tf.matmul(factors, factors, transpose_a=True)

    def _l2_of(self, matrix: sparse.csr_matrix) -> tf.Tensor:
        return self._penalties(tf.constant(np.diff(matrix.indptr)), matrix.shape[1])

    def _penalties(self, counts: tf.Tensor, others: int) -> tf.Tensor:
        """Return λ of rows with so many entries of `others`."""
        frequency = tf.cast(counts, tf.float32)
        if not self.explicit:
            frequency += self.unobserved_weight * others
        # A row without entries is zero whatever it costs.
        frequency = tf.where(counts > 0, frequency, 1.0)
        return self.l2 * frequency**self.frequency_exponent

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean over users of what the objective has of each.

        Args:
            inputs: Ids of users, as `training_rows` gives them.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        users = get_column(batch, self.schema.user_id.name)
        items, values = self.interactions.entries(users)
        weights, targets = self._terms(values)
        p = tf.gather(self.user_factors, users)
        own = tf.gather(p, items.value_rowids())
        products = tf.reduce_sum(own * tf.gather(self.item_factors, items.flat_values), axis=1)
        l2 = self._penalties(items.row_lengths(), self.num_items)
        rest = tf.reduce_sum(p * tf.matmul(p, self.gram)) + tf.reduce_sum(l2[:, None] * p**2)
        total = tf.reduce_sum(weights * (targets - products) ** 2) + rest
        return total / tf.cast(tf.shape(users)[0], tf.float32)

    # === Answers ===

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [p_u, μ], `[batch, embedding_dim + 1]`."""
        p = self._user_vectors(features)
        return tf.concat([p, tf.fill([tf.shape(p)[0], 1], self.mean)], axis=1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [q_i, 1], `[items, embedding_dim + 1]`."""
        q = tf.gather(self.item_factors, get_column(features, self.schema.item_id.name))
        return tf.concat([q, tf.ones([tf.shape(q)[0], 1])], axis=1)

    def _user_vectors(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return p as trained, or solved for where a request has more than training had."""
        users = get_column(inputs, self.schema.user_id.name)
        p = tf.gather(self.user_factors, users)
        if features.INTERACTION_ITEMS not in inputs:
            return p
        items, values = self.met(inputs)
        trained = tf.gather(self.interactions.splits, users + 1)
        trained -= tf.gather(self.interactions.splits, users)
        rows = tf.where(items.row_lengths() != trained)[:, 0]
        return tf.tensor_scatter_nd_update(
            p, rows[:, tf.newaxis], self._fold_in(items, values, rows)
        )

    def _fold_in(self, items: tf.RaggedTensor, values: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Return p of some rows of what users have met, `[rows, embedding_dim]`."""
        items, values = tf.gather(items, rows), tf.gather(items.with_flat_values(values), rows)
        columns = tf.cast(items.flat_values, tf.int32)
        problems = LeastSquares(items.row_splits, columns, *self._terms(values.flat_values))
        l2 = self._penalties(items.row_lengths(), self.num_items)
        start = tf.zeros([items.nrows(), self.embedding_dim])
        p, _ = solve_rows(problems, self.item_factors, self.gram, l2, start, use_native=False)
        return p
