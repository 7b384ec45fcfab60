"""Session neighbours: what was met in the sessions most like the present one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers.sparse_rows import SparseRows
from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.neighbours import NeighbourRetriever, loss_of_some
from recommenders_tf.models.sequence_columns import event_times, sequence_of_items
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice


@register(
    paper="Ludewig, Jannach: Evaluation of Session-based Recommendation Algorithms, UMUAI 2018, "
    "arXiv:1803.09587 (V-SKNN)",
    search_space={
        "num_neighbours": Choice((50, 100, 200, 500)),
        "num_recent": Choice((500, 1000, 2500, 5000)),
    },
)
class SessionKNN(HistoryRetriever):
    """Scores an item by the sessions that have it: Σ_n sim(s, n) w(s, n) 1_n(i).

    Of the past sessions that share an item with the present one the `num_recent` latest are
    compared with it, and the k most similar are its neighbours. sim(s, n) is the mean over the
    items of s of their weight if n has them, which falls linearly from 1 for the last step to
    1 / |s| for the first; w(s, n) is 1 / t where the t-th step from the end is the last one that n
    has: V-SKNN with its weights `div`. Sessions are the users of the schema.

    When to choose it:
        As the control of every model of sessions, some of which it beats, and where what is new
        must count at once: a session that is added is a neighbour, without training.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        num_neighbours: k.
        num_recent: Sessions that are compared.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the id of the users or of the
            items grows.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = SessionKNN(train.schema, num_neighbours=20)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    contract_exceptions = NeighbourRetriever.contract_exceptions
    reads_interactions = False

    def __init__(
        self,
        schema: FeatureSchema,
        num_neighbours: int = 100,
        num_recent: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.num_neighbours = num_neighbours
        self.num_recent = num_recent
        self.column = sequence_of_items(schema)
        self.members = SparseRows(self.num_items, self.num_users, name="members")
        self.recency = self.add_weight(
            name="recency",
            shape=[self.num_users],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
        )

    def training_rows(self, source: RowSource) -> RowSource:
        """Gather the sessions of a source of events and when each ended; return them as rows."""
        rows = super().training_rows(source)
        if rows is not source:
            user = self.schema.user_id.name
            ends = np.full(self.num_users, np.iinfo(np.int64).min)
            np.maximum.at(ends, source.columns([user])[user], event_times(source, self.schema))
            # Places in their order: float32 cannot tell the seconds of a year apart.
            self.recency.assign(np.argsort(np.argsort(ends, kind="stable")))
        return rows

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Keep which sessions have each item, and return the loss of some."""
        self.members.assign(matrix.T.tocsr())
        return loss_of_some(self, matrix)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the score of every item id, float32 `[batch, items]`.

        Args:
            features: Encoded features: the sequence, or a user id whose items of training are
                taken, all of them as the last step.
        """
        users = get_column(features, self.schema.user_id.name)
        if self.column.name not in features:
            items, _ = self.interactions.entries(users)
            steps = items.with_flat_values(tf.ones_like(items.flat_values, tf.float32))
        else:
            ids = get_column(features, self.column.name)
            mask = get_column(features, self.schema.mask_name(self.column))
            left = tf.cumsum(tf.cast(mask, tf.float32), axis=1, reverse=True)
            later = tf.linalg.band_part(ids[:, :, tf.newaxis] == ids[:, tf.newaxis], 0, -1)
            counts = tf.math.count_nonzero(later & mask[:, tf.newaxis], axis=2)
            kept = mask & (counts == 1)  # of an item that comes again the last step
            items, steps = tf.ragged.boolean_mask(ids, kept), tf.ragged.boolean_mask(left, kept)
        scores = self.score_sessions(users, items, steps)
        is_new = (items.row_lengths() == 0)[:, tf.newaxis]
        return tf.where(is_new, self.popularity, scores)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the scores of pairs, float32 `[batch, 1]`."""
        candidates = self.encode_candidates(inputs)
        rows = tf.range(tf.shape(candidates)[0])
        return self.score_pairs(self.encode_query(inputs), rows, candidates)

    @tf.function(autograph=False, reduce_retracing=True)  # or a loop of Python over sessions
    def score_sessions(
        self, users: tf.Tensor, items: tf.RaggedTensor, steps: tf.RaggedTensor
    ) -> tf.Tensor:
        """Return the score of every item, one session after another, float32 `[batch, items]`.

        Args:
            users: Encoded ids, int64 `[batch]`; nobody is a neighbour of their own.
            items: What each session has, each item once, int64 `[batch, (items)]`.
            steps: From 1 for its last step, where each stands, float32 `[batch, (items)]`.
        """

        def score(session: tuple[Any, ...]) -> tf.Tensor:
            user, met, step = session
            others, of_items = self.members.entries(met), tf.reduce_max(step)
            owners, sessions = others[0].value_rowids(), others[0].flat_values
            weights = tf.gather(1 - (step - 1) / of_items, owners)
            similarity = self._sums(weights, sessions) / of_items
            nearest = tf.math.unsorted_segment_max(
                tf.gather(1 / step, owners), sessions, self.num_users
            )
            is_other = tf.range(self.num_users, dtype=user.dtype) != user
            shares = (similarity > 0) & is_other
            latest, rows = tf.math.top_k(
                tf.where(shares, self.recency, -1.0), min(self.num_recent, self.num_users)
            )
            compared = tf.where(latest >= 0, tf.gather(similarity, rows), 0.0)
            best, places = tf.math.top_k(
                compared, min(self.num_neighbours, self.num_recent, self.num_users)
            )
            found = tf.cast(tf.gather(rows, places)[best > 0], tf.int64)
            best = best[best > 0] * tf.gather(nearest, found)
            theirs = self.interactions.entries(found)[0]
            gains = tf.gather(best, theirs.value_rowids())
            return tf.math.unsorted_segment_sum(gains, theirs.flat_values, self.num_items)

        spec = tf.TensorSpec([self.num_items], tf.float32)
        return tf.map_fn(score, (users, items, steps), fn_output_signature=spec)

    def _sums(self, values: tf.Tensor, sessions: tf.Tensor) -> tf.Tensor:
        return tf.math.unsorted_segment_sum(values, sessions, self.num_users)
