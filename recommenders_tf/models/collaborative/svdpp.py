"""SVD++: matrix factorization of ratings that also heeds which items a user rated at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf import features
from recommenders_tf.features import get_column
from recommenders_tf.models.biased_factors import BiasedFactors
from recommenders_tf.models.item_set_retriever import ItemSetRetriever, pool_rows
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range


@register(
    paper="Koren: Factorization Meets the Neighborhood: a Multifaceted Collaborative Filtering "
    "Model, KDD 2008",
    search_space={"l2": Range(1e-3, 1.0, "log")},
)
class SVDpp(ItemSetRetriever, BiasedFactors):
    """Predicts a rating by μ + b_u + b_i + q_iᵀ(p_u + |N(u)|^-½ Σ_{j∈N(u)} y_j).

    N(u) are the items that the user has met, rated or not (eq. 15). It minimizes the squared error
    of every rating and beside it λ times the squares of all that its prediction is made of, the y
    of every j too. A new user who brings a history has its N(u), a bias of zero and no p_u.

    When to choose it:
        In place of `svd` where the error of ratings counts: it is the more exact one, and answers
        new users from their history. A step costs what the users of its batch have met.

    Args:
        schema: Fitted schema with a label that is a rating; only the ids of user and item are
            used beside it.
        embedding_dim: Width of p, q and y.
        l2: λ.
        init_stddev: Standard deviation of the initial p, q and y.
        learning_rate: Of the default optimizer, lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no label, or the id of the users or of the items grows.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SVDpp(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    contract_exceptions = {"xla": "XLA has no ragged rows, in which the items of users come."}

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        l2: float = 0.1,
        init_stddev: float = 0.1,
        learning_rate: float = 0.005,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim=embedding_dim,
            l2=l2,
            init_stddev=init_stddev,
            learning_rate=learning_rate,
            **kwargs,
        )
        self.implicit_factors = self.new_table("implicit_factors", [self.num_items, embedding_dim])

    def user_vectors(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return p_u + |N(u)|^-½ Σ y_j, and ‖p_u‖² + Σ ‖y_j‖² for the penalty."""
        p, squares = super().user_vectors(inputs)
        if features.INTERACTION_ITEMS in inputs:
            implied, of_items = self._implied(inputs)
            return p + implied, squares + of_items
        # Of a batch of pairs each user is read once.
        name = self.schema.user_id.name
        users, places = tf.unique(get_column(inputs, name))
        implied, of_items = (tf.gather(part, places) for part in self._implied({name: users}))
        return p + implied, squares + of_items

    def _implied(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return |N(u)|^-½ Σ y_j, `[batch, embedding_dim]`, and Σ ‖y_j‖², `[batch]`."""
        items, _ = self.met(inputs)
        distinct, places = tf.unique(items.flat_values)
        norms = tf.reduce_sum(tf.gather(self.implicit_factors, distinct) ** 2, axis=1)
        of_items = tf.reduce_sum(items.with_flat_values(tf.gather(norms, places)), axis=1)
        return pool_rows(self.implicit_factors, items, "sqrtn"), of_items
