"""Two towers: one network for the query, one for the candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.data.drawn_items import DRAWN_SHARE, DrawnItems, drawn_items
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers import MLP, FeatureEmbedding, HistoryState, StreamingFrequency
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.optimizers import Adagrad
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, Role
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.replicas import gather_replicas
from recommenders_tf.tasks.retrieval_task import RetrievalTask, in_batch_pairs


@register(
    paper="Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item "
    "Recommendations, RecSys 2019; Yang et al.: Mixed Negative Sampling for Learning Two-tower "
    "Neural Networks in Recommendations, WWW 2020 Companion",
    search_space={
        "temperature": Range(0.02, 1.0, "log"),
        "num_negatives": Choice((0, 1, 4)),
        "num_hard_negatives": Choice((0, 20, 100)),
    },
)
class TwoTower(Retriever):
    """Encodes user and item features apart, and scores them by ⟨u(x), v(y)⟩ / τ.

    The loss is the softmax over the items of the batch and, with `num_negatives`, over items that
    are drawn uniformly beside them (Yang et al. 2020), so that what nobody asks for is told from
    what is asked for as well. Each logit is corrected by −log of how many times its item is
    expected among all of them (Yi et al. 2019, eq. 4): B q(y) + B′ / N, of B events with an item
    each, whose share q is estimated from the stream (`StreamingFrequency`), and of B′ draws from N
    items. With `num_hard_negatives` each query competes with those alone that it scores highest.
    Under a strategy the items of all replicas stand in each one's softmax. Metrics of `compile` get
    the scores of each query with the items of its batch, uncorrected, `[batch, batch]`.

    When to choose it:
        To retrieve from a large catalogue by features of users and items, new items among
        them; let a ranking model order what it finds.

    Args:
        schema: Fitted schema; all user features go into the query tower, all item features into
            the candidate tower.
        embedding_dim: Width of embeddings, and of both towers' output.
        hidden_units: Hidden layers of each tower; empty projects the embeddings only.
        temperature: τ, which the products of the normalized vectors are divided by; None takes
            the vectors as they are, not normalized.
        dropout: Share of values dropped after each hidden layer.
        learning_rate: Of the default optimizer, Adagrad.
        num_negatives: Items drawn uniformly for each event.
        num_hard_negatives: Negatives that count for a query, those with the highest logits; 0
            lets all count.
        **kwargs: Of the Keras model.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = TwoTower(train.schema, embedding_dim=16, num_negatives=1)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        hidden_units: Sequence[int] = (),
        temperature: float | None = 0.1,
        dropout: float = 0.0,
        learning_rate: float = 0.02,
        num_negatives: int = 0,
        num_hard_negatives: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        if min(num_negatives, num_hard_negatives) < 0:
            raise ValueError(
                "`num_negatives` and `num_hard_negatives` must be at least 0; they are "
                f"{num_negatives} and {num_hard_negatives}."
            )
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.temperature = temperature
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.num_negatives = num_negatives
        self.num_hard_negatives = num_hard_negatives
        self.query_tower = self.tower({Role.USER, Role.CONTEXT}, "user_tower")
        self.candidate_tower = self.tower({Role.ITEM}, "item_tower")
        # The ids of a growing vocabulary are hashes, which find a bucket too.
        self.frequency = StreamingFrequency(
            schema.vocabulary_size(schema.item_id), name="frequency"
        )
        self.frequency.build([None])
        self.task = RetrievalTask(
            loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum"),
            remove_accidental_hits=True,
            num_hard_negatives=num_hard_negatives or None,
        )

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adagrad, its accumulators near zero; see `optimizers`."""
        return Adagrad(self.learning_rate)

    def tower(
        self, roles: set[Role], name: str, history: HistoryState | None = None
    ) -> tf.keras.layers.Layer:
        """Return the network of the features that describe none but the given roles.

        Args:
            roles: Whom the features describe.
            name: Of the layer.
            history: What reads one of them in place of a mean.
        """
        schema, read = self.schema, [] if history is None else [history.column]
        columns = [c.name for c in schema.features if schema.roles(c) <= roles]
        embed = FeatureEmbedding(
            schema, [n for n in columns if n not in read], self.embedding_dim, output="concatenated"
        )
        mlp = MLP([*self.hidden_units, self.embedding_dim], dropout=self.dropout)
        return _Tower(embed, mlp, self.temperature is not None, history, name=name)

    def encode_query(self, features: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return u(x) / τ, `[batch, embedding_dim]`."""
        return self.query_tower(features, training=training) / (self.temperature or 1.0)

    def encode_candidates(
        self, features: Mapping[str, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """Return v(y), `[items, embedding_dim]`."""
        return self.candidate_tower(features, training=training)

    def training_rows(self, source: RowSource) -> RowSource:
        """Return the events, with items drawn beside them where the model asks for any."""
        if not self.num_negatives or isinstance(source, DrawnItems):
            return source
        return DrawnItems(source, self.num_negatives)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean corrected softmax loss of a batch.

        Args:
            inputs: Rows of `training_rows`.
            training: Whether the model is trained.
        """
        features, _, weights = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        name = self.schema.item_id.name
        events = tf.shape(get_column(features, name))[0]
        items, candidates = gather_replicas(
            [get_column(features, name), self.encode_candidates(features, training=training)]
        )
        expected = self.frequency(items, training=training)
        if self.num_negatives:
            drawn = drawn_items(features, self.schema)
            more, vectors = gather_replicas(
                [drawn[name], self.encode_candidates(drawn, training=training)]
            )
            share = get_column(features, DRAWN_SHARE)[0] * tf.cast(tf.size(more), tf.float32)
            expected = share + tf.concat([expected, self.frequency(more)], axis=0)
            items = tf.concat([items, more], axis=0)
            candidates = tf.concat([candidates, vectors], axis=0)
        query = self.encode_query(features, training=training)
        loss = self.task(
            query,
            candidates,
            sample_weight=weights,
            candidate_expected=expected,
            candidate_ids=items,
        )
        own = self.score_candidates(query, candidates[:events])
        self.update_metrics(*in_batch_pairs(own, items[:events]), weights)
        return loss / tf.cast(events, tf.float32)


class _Tower(tf.keras.layers.Layer):
    """Embeds the features of one side and maps them to the common space."""

    def __init__(
        self,
        embed: FeatureEmbedding,
        mlp: MLP,
        normalize: bool,
        history: HistoryState | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embed, self.mlp, self.normalize, self.history = embed, mlp, normalize, history

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the vectors of a batch, `[batch, embedding_dim]`."""
        vectors = self.embed(inputs)
        if self.history is not None:
            vectors = tf.concat([vectors, self.history(inputs, training=training)], axis=1)
        vectors = self.mlp(vectors, training=training)
        return tf.math.l2_normalize(vectors, axis=-1) if self.normalize else vectors
