"""Two towers: one network for the query, one for the candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers.feature_embedding import FeatureEmbedding
from recommenders_tf.layers.mlp import MLP
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.optimizers import Adagrad
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, Role
from recommenders_tf.search_space import Range
from recommenders_tf.tasks.retrieval_task import RetrievalTask, in_batch_pairs


@register(
    paper="Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item "
    "Recommendations, RecSys 2019",
    search_space={"temperature": Range(0.02, 1.0, "log")},
)
class TwoTower(Retriever):
    """Encodes user and item features apart, and scores them by ⟨u(x), v(y)⟩ / τ.

    The loss is the softmax over the items of the batch, each logit corrected by −log Q(y), the
    log of how likely the item is to be in a batch (Yi et al. 2019, eq. 4). Q is the item's share
    of the examples seen so far. Metrics of `compile` get the scores of each query with the items of
    the batch, uncorrected, `[batch, batch]`.

    When to choose it:
        To retrieve from a large catalogue by features of users and items, new items among
        them; let a ranking model order what it finds.

    Args:
        schema: Fitted schema; all user features go into the query tower, all item features into
            the candidate tower.
        embedding_dim: Width of embeddings, and of both towers' output.
        hidden_units: Hidden layers of each tower; empty projects the embeddings only.
        normalize: Whether both towers end in an L2 normalization, as in the paper.
        temperature: τ, which the normalized scores are divided by.
        dropout: Share of values dropped after each hidden layer.
        learning_rate: Of the default optimizer, Adagrad.
        **kwargs: Of the Keras model.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = TwoTower(train.schema, embedding_dim=16)
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
        normalize: bool = True,
        temperature: float = 0.1,
        dropout: float = 0.0,
        learning_rate: float = 0.02,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.normalize = normalize
        self.temperature = temperature
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.query_tower = _Tower(self, Role.USER)
        self.candidate_tower = _Tower(self, Role.ITEM)
        self.item_counts = self.add_weight(
            name="item_counts",
            shape=[schema.vocabulary_size(schema.item_id)],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.examples = self.add_weight(
            name="examples",
            shape=[],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.task = RetrievalTask(
            loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum"),
            remove_accidental_hits=True,
        )

    def default_optimizer(self) -> tf.keras.optimizers.Optimizer:
        """Return Adagrad, its accumulators near zero; see `optimizers`."""
        return Adagrad(self.learning_rate)

    def encode_query(self, features: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return u(x) / τ, `[batch, embedding_dim]`."""
        return self.query_tower(features, training=training) / self.temperature

    def encode_candidates(
        self, features: Mapping[str, tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """Return v(y), `[items, embedding_dim]`."""
        return self.candidate_tower(features, training=training)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean corrected softmax loss of a batch."""
        features, _, weights = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        items = features[self.schema.item_id.name]
        counters = items % self.item_counts.shape[0]  # of a growing vocabulary ids are hashes
        if training:
            ones = tf.ones_like(items, tf.float32)
            self.item_counts.scatter_add(tf.IndexedSlices(ones, counters))
            self.examples.assign_add(tf.reduce_sum(ones))
        share = tf.gather(self.item_counts, counters) / tf.maximum(self.examples, 1.0)
        query = self.encode_query(features, training=training)
        candidates = self.encode_candidates(features, training=training)
        loss = self.task(
            query,
            candidates,
            sample_weight=weights,
            candidate_sampling_probability=share,
            candidate_ids=items,
        )
        self.update_metrics(
            *in_batch_pairs(self.score_candidates(query, candidates), items), weights
        )
        return loss / tf.cast(tf.shape(items)[0], tf.float32)


class _Tower(tf.keras.layers.Layer):
    """Embeds the features of one side and maps them to the common space."""

    def __init__(self, model: TwoTower, role: Role) -> None:
        super().__init__(name=f"{role.value}_tower")
        side = {Role.USER, Role.CONTEXT} if role is Role.USER else {Role.ITEM}
        columns = [c.name for c in model.schema.features if model.schema.roles(c) <= side]
        self.normalize = model.normalize
        self.embed = FeatureEmbedding(
            model.schema, columns, model.embedding_dim, output="concatenated"
        )
        self.mlp = MLP([*model.hidden_units, model.embedding_dim], dropout=model.dropout)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the vectors of a batch, `[batch, embedding_dim]`."""
        vectors = self.mlp(self.embed(inputs), training=training)
        return tf.math.l2_normalize(vectors, axis=-1) if self.normalize else vectors
