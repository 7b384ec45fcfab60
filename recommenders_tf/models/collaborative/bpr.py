"""Bayesian personalized ranking: what a user met stands above what the user did not."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import tensorflow as tf
from scipy import sparse

from recommenders_tf import native
from recommenders_tf.data.interactions import PairRows
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.layers.unseen_negatives import UnseenNegatives
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.optimizers import SGD
from recommenders_tf.registry import register
from recommenders_tf.schema import FIRST_ID, FeatureSchema
from recommenders_tf.search_space import Range

_KERNEL = "models/bpr_triples.cc"


@register(
    paper="Rendle, Freudenthaler, Gantner, Schmidt-Thieme: BPR: Bayesian Personalized Ranking from "
    "Implicit Feedback, UAI 2009, arXiv:1205.2618",
    search_space={"l2": Range(1e-4, 0.1, "log"), "init_stddev": Range(1e-3, 0.1, "log")},
)
class BPR(MatrixRetriever):
    """Scores a pair by b_i + p_uᵀq_i, trained so that items met stand above items not met.

    It minimizes Σ -ln σ(x_ui - x_uj) + λ/2 ‖Θ‖² over triples of a user u, an item i that u has met
    and an item j that u has not (BPR-Opt, section 4.1). Every pair of u and i occurs once in an
    epoch, with a j drawn anew, uniformly.

    With the default optimizer, on one CPU that has a C++ compiler, a batch is taken triple by
    triple as LearnBPR does (figure 4), by a compiled kernel (`bpr_triples.cc`). Elsewhere, and with
    any other optimizer, a batch is one step along the sum of the gradients of its triples; keep
    batches to some thousand pairs there, or the step becomes too long for popular items.

    When to choose it:
        Where there are ids alone and the order of the best items matters more than
        probabilities. An epoch is cheap; it takes some dozens.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        embedding_dim: Width of p and q.
        l2: λ.
        init_stddev: Standard deviation of the initial p and q.
        learning_rate: Of the default optimizer: the length of the step of one triple.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = BPR(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=2, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        l2: float = 0.01,
        init_stddev: float = 0.1,
        learning_rate: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.l2 = l2
        self.init_stddev = init_stddev
        self.learning_rate = learning_rate
        shapes = {
            "user_factors": ([self.num_users, embedding_dim], init_stddev),
            "item_factors": ([self.num_items, embedding_dim], init_stddev),
            "item_biases": ([self.num_items, 1], 0.0),
        }
        self.user_factors, self.item_factors, self.item_biases = (
            self.add_weight(
                name=name,
                shape=shape,
                initializer=ReservedZeros(tf.keras.initializers.RandomNormal(stddev=stddev)),
                dtype=tf.float32,
                experimental_autocast=False,
            )
            for name, (shape, stddev) in shapes.items()
        )
        self.negatives = UnseenNegatives(self.num_items)

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return gradient descent."""
        return SGD(self.learning_rate)

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take a matrix to learn from."""
        super().remember(matrix)
        self.negatives.assign(matrix)

    def rows_of(self, matrix: sparse.csr_matrix, tables: Any) -> RowSource:
        """Return the rows to train on: what each user met."""
        return PairRows(matrix, self.schema, tables)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [p_u, 1], `[batch, embedding_dim + 1]`."""
        p = tf.gather(self.user_factors, get_column(features, self.schema.user_id.name))
        return tf.concat([p, tf.ones([tf.shape(p)[0], 1])], axis=1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [q_i, b_i], `[items, embedding_dim + 1]`."""
        items = get_column(features, self.schema.item_id.name)
        parts = [tf.gather(self.item_factors, items), tf.gather(self.item_biases, items)]
        return tf.concat(parts, axis=1)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean over pairs of -ln σ and the penalty; its gradient is that of their sum.

        Args:
            inputs: Encoded ids of users and of items that they met.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        drawn, found = self.negatives(get_column(batch, self.schema.user_id.name))
        query, item = self.encode_query(batch), self.encode_candidates(batch)
        other = self.encode_candidates({self.schema.item_id.name: drawn})
        margin = tf.reduce_sum(query * (item - other), axis=1)
        # Of the query the constant 1 costs nothing.
        squares = sum(tf.reduce_sum(part**2, axis=1) for part in (query[:, :-1], item, other))
        losses = tf.nn.softplus(-margin) + self.l2 / 2 * squares
        total = tf.reduce_sum(tf.where(found, losses, 0.0))
        mean = total / tf.maximum(tf.reduce_sum(tf.cast(found, tf.float32)), 1.0)
        # A triple is a step of its own, however many share a batch.
        return total + tf.stop_gradient(mean - total)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Take a step for every triple of a batch, or one for all."""
        ops = self._kernel()
        if ops is None:
            return super().train_step(data)
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(data)
        self.optimizer.apply_gradients([])  # reads its schedule, if it has one
        rate = tf.cast(self.optimizer.learning_rate, tf.float32)
        loss = ops.recommenders_tf_bpr_triples(
            self.user_factors.handle,
            self.item_factors.handle,
            self.item_biases.handle,
            get_column(batch, self.schema.user_id.name),
            get_column(batch, self.schema.item_id.name),
            self.negatives.splits,
            self.negatives.keys,
            tf.stack([rate, self.l2]),
            self.negatives.generator.uniform_full_int([1], tf.int64),
            first_item=FIRST_ID,
            tries=self.negatives.tries,
        )
        self.optimizer.iterations.assign_add(1)
        return self._results(loss)

    def _kernel(self) -> ModuleType | None:
        """Return the compiled kernel where it does what the model was compiled for."""
        plain = type(self.optimizer) is SGD and not self.optimizer.momentum
        whole = self._micro_batches == 1 and self._clip_norm is None
        here = not tf.distribute.has_strategy() and "GPU" not in self.user_factors.device
        if not (plain and whole and here and self.optimizer.native):
            return None
        return native.ops(_KERNEL)
