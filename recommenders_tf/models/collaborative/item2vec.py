"""item2vec: vectors of items from what stands beside them in the histories of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy import sparse

from recommenders_tf.data import context_rows
from recommenders_tf.data.context_rows import ContextRows
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers.popular_negatives import PopularNegatives
from recommenders_tf.layers.reserved_zeros import ReservedZeros
from recommenders_tf.models.item_set_retriever import ItemSetRetriever, pool_rows
from recommenders_tf.optimizers import Adagrad
from recommenders_tf.registry import register
from recommenders_tf.schema import FIRST_ID, FeatureSchema, SchemaError
from recommenders_tf.search_space import Range


@register(
    paper="Barkan, Koenigstein: Item2Vec: Neural Item Embedding for Collaborative Filtering, "
    "MLSP 2016, arXiv:1603.04259; skip-gram of Mikolov et al.: Distributed Representations of "
    "Words and Phrases and their Compositionality, NIPS 2013, arXiv:1310.4546",
    search_space={"subsample": Range(1e-5, 0.1, "log")},
)
class Item2Vec(ItemSetRetriever):
    """Scores an item by the cosine of its vector and the mean vector of what the user has met.

    The vectors are those of skip-gram with negative sampling: of every event's item i, one item j
    that stands in its context and N items k, drawn by their counts to the power 3/4, it minimizes
    -ln σ(u_iᵀv_j) - Σ ln σ(-u_iᵀv_k) (Barkan and Koenigstein, eq. 1 and 2). The context is drawn
    anew at every step, uniformly from the events within `window`, or from all of the user. Where
    the papers leave an item of frequency f out with probability 1 - √(ρ/f), here it stays and its
    loss counts √(ρ/f), of i and of j: the same in the mean.

    Users are told by what they have met alone, so a new one is answered from the history in the
    request. Who has met nothing gets the most popular items.

    When to choose it:
        For items that are like an item, and for vectors that other models start from: see
        `start_from_vectors`.

    Args:
        schema: Fitted schema; only the ids of user and item and, with a `window`, the time of
            events are used.
        embedding_dim: Width of u and v.
        window: How many events before and behind an item are its context; None takes all events
            of the user, as the paper does of sets.
        num_negatives: N.
        subsample: ρ.
        learning_rate: Of the default optimizer, Adagrad.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows, or there is a `window` and no time.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = Item2Vec(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    contract_exceptions = {"xla": "XLA has no ragged rows, in which the items of users come."}

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        window: int | None = None,
        num_negatives: int = 15,
        subsample: float = 1e-3,
        learning_rate: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if window is not None and schema.event_time is None:
            raise SchemaError(
                f"Schema `{schema.name}` has no event time, which a `window` of {window} needs: "
                "add a column of kind `timestamp`, or leave `window` out."
            )
        self.embedding_dim = embedding_dim
        self.window = window
        self.num_negatives = num_negatives
        self.subsample = subsample
        self.learning_rate = learning_rate
        spread = tf.keras.initializers.RandomUniform(-0.5 / embedding_dim, 0.5 / embedding_dim)
        self.item_vectors = self._table("item_vectors", embedding_dim, ReservedZeros(spread))
        self.context_vectors = self._table("context_vectors", embedding_dim, "zeros")
        self.popularity = self._table("popularity", 1, "zeros", trainable=False)
        self.keep = self._table("keep", 1, "ones", trainable=False)
        self.negatives = PopularNegatives(num_negatives)
        sequence = tf.Variable(np.zeros(0, np.int64), trainable=False, shape=[None])
        object.__setattr__(self, "_sequence", sequence)  # past Keras' tracking: no weight

    def _table(
        self, name: str, width: int, initializer: Any, trainable: bool = True
    ) -> tf.Variable:
        return self.add_weight(
            name=name,
            shape=[self.num_items, width],
            initializer=initializer,
            trainable=trainable,
            dtype=tf.float32,
            experimental_autocast=False,
        )

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adagrad; Adam's steps, as long for a rare item, blur its direction."""
        return Adagrad(self.learning_rate)

    def training_rows(self, source: RowSource) -> RowSource:
        """Gather the sequences of users from a source of events, and return events as rows.

        Raises:
            ValueError: No user has met two known items.
        """
        if isinstance(source, ContextRows):
            return source
        super().training_rows(source)
        user, item, time = self.schema.user_id, self.schema.item_id, self.schema.event_time
        events = source.columns([column.name for column in (user, item, time) if column])
        users, items = events[user.name], events[item.name]
        times = events.get(time.name, np.zeros_like(users)) if time else np.zeros_like(users)
        kept = (users >= FIRST_ID) & (items >= FIRST_ID)
        tables = getattr(source, "tables", None)
        rows = ContextRows(users[kept], items[kept], times[kept], self.schema, self.window, tables)
        if not len(rows):
            raise ValueError(
                f"None of the {len(users)} events has another of its user beside it, which "
                f"`{self.name}` learns from: give a log in which users have met several items."
            )
        self._sequence.assign(rows.sequence)
        return rows

    def remember(self, matrix: sparse.csr_matrix) -> None:
        """Take what users met, and how often each item was."""
        super().remember(matrix)
        counts = np.bincount(matrix.indices, minlength=self.num_items)
        self.negatives.assign(counts)
        frequency = counts / counts.sum()
        keep = np.sqrt(self.subsample / np.maximum(frequency, self.subsample))
        self.keep.assign(keep[:, np.newaxis])
        users = max(1, np.count_nonzero(np.diff(matrix.indptr)))
        self.popularity.assign(counts[:, np.newaxis] / users)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean over events of the loss of one item of their context and of negatives.

        Args:
            inputs: Rows of `training_rows`.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        items = get_column(batch, self.schema.item_id.name)
        context = self._draw_context(batch)
        negatives = self.negatives(items)
        others = tf.concat([context[:, tf.newaxis], negatives], axis=1)
        vectors = tf.gather(self.item_vectors, items)
        logits = tf.einsum("bd,bnd->bn", vectors, tf.gather(self.context_vectors, others))
        # What is drawn as a negative and is the context itself counts for neither.
        clash = tf.cast(negatives == context[:, tf.newaxis], tf.float32)
        wrong = tf.reduce_sum((1.0 - clash) * tf.nn.softplus(logits[:, 1:]), axis=1)
        weights = tf.gather(self.keep, items) * tf.gather(self.keep, context)
        return tf.reduce_mean(weights[:, 0] * (tf.nn.softplus(-logits[:, 0]) + wrong))

    def _draw_context(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return an item that stands in the context of each event, not the event itself."""
        place, first, last = (
            get_column(batch, name)
            for name in (context_rows.PLACE, context_rows.FIRST, context_rows.LAST)
        )
        share = self.negatives.generator.uniform(tf.shape(place), dtype=tf.float64)
        step = tf.cast(share * tf.cast(last - first - 1, tf.float64), tf.int64)
        drawn = first + step
        return tf.gather(self._sequence, drawn + tf.cast(drawn >= place, tf.int64))

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [mean of u over its norm, 0] or, of who has met nothing, [0, 1]."""
        items, _ = self.met(features)
        mean = pool_rows(self.item_vectors, items, "mean")
        is_new = tf.cast(items.row_lengths() == 0, tf.float32)
        return tf.concat([tf.math.l2_normalize(mean, axis=1), is_new[:, tf.newaxis]], axis=1)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [u over its norm, share of the users who met it], `[items, embedding_dim + 1]`."""
        items = get_column(features, self.schema.item_id.name)
        vectors = tf.math.l2_normalize(tf.gather(self.item_vectors, items), axis=1)
        return tf.concat([vectors, tf.gather(self.popularity, items)], axis=1)

    def vectors(self) -> pd.DataFrame:
        """Return the vectors u by raw item id, one row an item of the training log.

        Raises:
            RuntimeError: The model knows no raw ids yet.
        """
        items = self.tables.items
        ids = items.features[self.schema.item_id.name].numpy()[1:]  # behind the unknown one
        known = ids >= FIRST_ID
        rows = self.item_vectors.numpy()[ids[known]]
        return pd.DataFrame(rows, index=items.index[1:][known])
