"""The candidate generation of YouTube: which of all items is next, by a network of the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data.added_columns import AddedColumns
from recommenders_tf.data.row_source import RowSource
from recommenders_tf.features import get_column
from recommenders_tf.layers import MLP, FeatureEmbedding
from recommenders_tf.models.retriever import Retriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FIRST_ID, FeatureSchema, Role, SchemaError
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask

EXAMPLE_AGE = "example/age"


@register(
    paper="Covington, Adams, Sargin: Deep Neural Networks for YouTube Recommendations, RecSys "
    "2016, doi:10.1145/2959100.2959190",
    search_space={
        "num_negatives": Choice((512, 2048, 8192)),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class YouTubeDNN(Retriever):
    """Scores an item by P(i | u) ∝ exp ⟨vᵢ, u⟩, a softmax over all items (sec. 3.1).

    The user vector u is the last of some layers of rectifiers over all features of user and
    context, the mean of the items met before among them, each embedded; each item has a vector
    of its own in the softmax. In training it is over the next item and items that are drawn by
    their popularity, once for a batch, and corrected for that, so that no step grows with the
    catalogue. Where the events have a time, how long each is before the last one, as a share of
    the whole time, is a feature too, which is 0 when a request is answered: the example age, by
    which popularity may change (sec. 3.3). The products have no
    bias.

    When to choose it:
        Where what users did, in any order, and who they are tell what they choose, of items that
        are all known. `two_tower` scores new items as well.

    Args:
        schema: Fitted schema; the item is told by its id alone.
        embedding_dim: Width of the embeddings and of the user vector.
        hidden_units: Layers before the last one; the paper's deepest network has 2048, 1024 and
            512 of them, over vectors of 256.
        dropout: Share of values dropped after each of these.
        num_negatives: Items that are drawn for a batch; 0 takes all.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The item id grows.
        ValueError: `num_negatives` is negative.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = YouTubeDNN(train.schema, embedding_dim=16, hidden_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        hidden_units: Sequence[int] = (256, 128),
        dropout: float = 0.0,
        num_negatives: int = 2048,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, **kwargs)
        item = schema.item_id
        if item.growing:
            raise SchemaError(
                f"Column `{item.name}` grows, so its vocabulary is not there to tell the next item "
                "from: give it `hash_buckets` in place of `growing`."
            )
        self.embedding_dim = embedding_dim
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.num_negatives = num_negatives
        self.num_items = schema.vocabulary_size(item)
        sides = {Role.USER, Role.CONTEXT}
        columns = [c.name for c in schema.features if schema.roles(c) <= sides]
        self.embed = FeatureEmbedding(schema, columns, embedding_dim, output="concatenated")
        self.network = MLP(
            [*hidden_units, embedding_dim], "relu", dropout=dropout, hidden_output=True
        )
        normal = tf.keras.initializers.TruncatedNormal(stddev=embedding_dim**-0.5)
        self.items = FeatureEmbedding(schema, [item.name], embedding_dim, False, normal)
        self.task = NextItemTask(
            "softmax", self.num_items, num_negatives, sample_power=1.0, corrected=True
        )

    def training_rows(self, source: RowSource) -> RowSource:
        """Return the events with their ages, and learn how often items are to be drawn."""
        if isinstance(source, AddedColumns):
            return source
        item, time = self.schema.item_id.name, self.schema.event_time
        events = source.columns([item, *([time.name] if time else [])])
        counts = np.bincount(events[item], minlength=self.num_items)
        counts[:FIRST_ID] = 0
        self.task.assign(counts)
        times = events.get(time.name) if time else None
        if times is None:
            return source
        span = max(1, np.ptp(times)) if len(times) else 1
        age = ((times.max(initial=0) - times) / span).astype(np.float32)
        return AddedColumns(source, {EXAMPLE_AGE: age})

    def encode_query(self, features: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return u, `[batch, embedding_dim]`."""
        vectors = self.embed(features)
        age = features.get(EXAMPLE_AGE)
        age = tf.zeros_like(vectors[:, 0]) if age is None else tf.cast(age, vectors.dtype)
        vectors = tf.concat([vectors, age[:, tf.newaxis]], axis=1)
        return self.network(vectors, training=training)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the vectors of items, `[items, embedding_dim]`."""
        return self.items(features)[0]

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean loss of the events with known items.

        Args:
            inputs: Rows of `training_rows`.
            training: Whether the model is trained.
        """
        features, _, weights = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        targets = get_column(features, self.schema.item_id.name)
        query = self.encode_query(features, training=training)
        counts = tf.cast(targets >= FIRST_ID, tf.float32)
        if weights is not None:
            counts *= tf.cast(weights, tf.float32)
        loss = self.task(query[:, tf.newaxis], targets[:, tf.newaxis], counts[:, tf.newaxis], self)
        return loss / tf.maximum(tf.reduce_sum(counts), 1.0)

    # === Items, as the task has them ===

    def vectors(self, items: tf.Tensor) -> tf.Tensor:
        """Return the vectors of items, `[batch, items, embedding_dim]` of `[batch, items]`."""
        name = self.schema.item_id.name
        flat = self.items.rows({name: tf.reshape(items, [-1])}, name)
        return tf.reshape(flat, tf.concat([tf.shape(items), flat.shape[1:]], axis=0))

    def table(self) -> tf.Tensor:
        """Return the vectors of all items, `[all items, embedding_dim]`."""
        return tf.cast(self.items.table(self.schema.item_id.name), self.compute_dtype)

    def item_bias(self) -> tf.Tensor | None:
        """Return what is added to the logit of each item, float32 `[all items]`; nothing is."""
        return None
