"""What the models of Neural Collaborative Filtering share: branches that score vectors of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data.interactions import interaction_matrix
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers import MLP, FeatureEmbedding
from recommenders_tf.layers.unseen_negatives import UnseenNegatives
from recommenders_tf.models.sampled_retriever import SampledRetriever
from recommenders_tf.schema import FeatureSchema

INIT_STDDEV = 0.01
_TRIES = 3


class Branch(tf.keras.layers.Layer):
    """A network of a user's and an item's vector whose part of one id is computed once for it.

    A subclass writes what it makes of the two vectors, and `call`, which takes what it made, of
    shapes `[..., width]` that broadcast, and returns logits `[...]`.

    Args:
        schema: Fitted schema.
        embedding_dim: Width of the vectors of users and items.
        width: Of what is made of each.
        **kwargs: Of the Keras layer.
    """

    def __init__(
        self, schema: FeatureSchema, embedding_dim: int, width: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.width = width
        normal = tf.keras.initializers.RandomNormal(stddev=INIT_STDDEV)
        user, item = schema.user_id.name, schema.item_id.name
        self.user = FeatureEmbedding(schema, [user], embedding_dim, False, normal, name="user")
        self.item = FeatureEmbedding(schema, [item], embedding_dim, False, normal, name="item")

    def encode_user(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return what the branch makes of users' vectors, `[batch, width]`."""
        return vectors

    def encode_item(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return what the branch makes of items' vectors, `[items, width]`."""
        return vectors

    def scale(self, share: float) -> None:
        """Make every logit `share` of what it is."""
        raise NotImplementedError


class ProductBranch(Branch):
    """The logit hᵀ(p ⊙ q): He et al. 2017, eq. 9 and 11."""

    def __init__(self, schema: FeatureSchema, embedding_dim: int, **kwargs: Any) -> None:
        super().__init__(schema, embedding_dim, embedding_dim, **kwargs)
        self.output_weights = self.add_weight(
            name="output_weights", shape=[embedding_dim, 1], initializer="lecun_uniform"
        )

    def encode_user(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return h ⊙ p."""
        return vectors * tf.cast(self.output_weights[:, 0], vectors.dtype)

    def call(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the logits."""
        return tf.reduce_sum(query * candidates, axis=-1)

    def scale(self, share: float) -> None:
        """Make every logit `share` of what it is."""
        self.output_weights.assign(share * self.output_weights)


class TowerBranch(Branch):
    """The logit of a network over p and q side by side: He et al. 2017, eq. 10.

    W [p; q] of the first layer is Wᵤ p + Wᵢ q, so each half is computed once for a user or an item
    and not for every pair.
    """

    def __init__(
        self, schema: FeatureSchema, embedding_dim: int, hidden_units: Sequence[int], **kwargs: Any
    ) -> None:
        if not hidden_units:
            raise ValueError("`hidden_units` must name at least one layer width; it is empty.")
        first, *rest = hidden_units
        super().__init__(schema, embedding_dim, first, **kwargs)
        self.kernel = self.add_weight(
            name="kernel", shape=[2 * embedding_dim, first], initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=[first], initializer="zeros")
        self.tower = MLP(rest, final_activation="relu", name="tower") if rest else None
        self.output_layer = tf.keras.layers.Dense(
            1, kernel_initializer="lecun_uniform", name="output_layer"
        )

    def encode_user(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return Wᵤ p + b."""
        half, _ = tf.split(tf.cast(self.kernel, vectors.dtype), 2)
        return tf.matmul(vectors, half) + tf.cast(self.bias, vectors.dtype)

    def encode_item(self, vectors: tf.Tensor) -> tf.Tensor:
        """Return Wᵢ q."""
        _, half = tf.split(tf.cast(self.kernel, vectors.dtype), 2)
        return tf.matmul(vectors, half)

    def call(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the logits."""
        hidden = tf.nn.relu(query + candidates)
        if self.tower is not None:
            hidden = self.tower(hidden)
        return tf.squeeze(self.output_layer(hidden), axis=-1)

    def scale(self, share: float) -> None:
        """Make every logit `share` of what it is."""
        for weight in self.output_layer.weights:
            weight.assign(share * weight)


class NeuralCF(SampledRetriever):
    """Scores a pair of ids by the sum of its branches' logits.

    A network is no inner product, so the whole catalogue is scored one user at a time. Negatives
    are drawn uniformly from the items that the user has not met, as in the paper; who has met what
    is known where `fit` has an `EncodedLog` or `ColumnarData`. One that is still met after a few
    draws does not count.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        branches: At least one.
        num_negatives: Negatives for each event.
        learning_rate: Of the default optimizer, lazy Adam.
        **kwargs: Of the Keras model.
    """

    def __init__(
        self,
        schema: FeatureSchema,
        branches: Sequence[Branch],
        num_negatives: int,
        learning_rate: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, num_negatives, learning_rate, **kwargs)
        self.branches = list(branches)
        self.negatives = UnseenNegatives(schema.vocabulary_size(schema.item_id), _TRIES)

    def training_rows(self, source: RowSource) -> RowSource:
        """Take who has met what, for the negatives, and return the events."""
        events = source.columns([self.schema.user_id.name, self.schema.item_id.name])
        ones = np.ones(len(events[self.schema.user_id.name]), np.float32)
        self.negatives.assign(interaction_matrix(events, self.schema, ones, "any"))
        return source

    def draw_negatives(self, features: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return items that the users have not met, and whether each is one."""
        users = get_column(features, self.schema.user_id.name)
        drawn = self.negatives(tf.repeat(users, self.num_negatives))
        items, counts = (tf.reshape(part, [-1, self.num_negatives]) for part in drawn)
        return items, counts

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return what every branch makes of the users, side by side."""
        parts = [branch.encode_user(branch.user(features)[0]) for branch in self.branches]
        return tf.concat(parts, axis=-1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return what every branch makes of the items, side by side."""
        parts = [branch.encode_item(branch.item(features)[0]) for branch in self.branches]
        return tf.concat(parts, axis=-1)

    def interact(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the scores of vectors `[..., width]` that broadcast, float32 `[...]`."""
        widths = [branch.width for branch in self.branches]
        parts = zip(tf.split(query, widths, -1), tf.split(candidates, widths, -1), strict=True)
        logits = [branch(*part) for branch, part in zip(self.branches, parts, strict=True)]
        return tf.add_n([tf.cast(logit, tf.float32) for logit in logits])

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of pairs, float32 `[batch, 1]`."""
        query, candidates = self.encode_query(inputs), self.encode_candidates(inputs)
        return self.interact(query, candidates)[:, tf.newaxis]

    def score_listed(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with the candidates that are listed beside it."""
        return self.interact(query[:, tf.newaxis], candidates)

    @tf.function(autograph=False)  # or a loop of Python over users where there is no graph
    def score_candidates(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every candidate, float32 `[batch, items]`."""
        return tf.map_fn(
            lambda one: self.interact(one[tf.newaxis], candidates),
            query,
            fn_output_signature=tf.TensorSpec([None], tf.float32),
        )
