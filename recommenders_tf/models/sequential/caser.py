"""Sequential recommendation by convolutions over the last items as over an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.data.sequence_rows import REMAINING, STEP, TARGETS
from recommenders_tf.features import get_column
from recommenders_tf.layers import Dropout, WindowConvolution
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema, SchemaError
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Tang, Wang: Personalized Top-N Sequential Recommendation via Convolutional Sequence "
    "Embedding, WSDM 2018, arXiv:1809.07426",
    search_space={
        "window": Choice((3, 5, 7, 9)),
        "targets": Choice((1, 2, 3)),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class Caser(SequenceRetriever):
    """Scores the next item by y = W′ [z, P_u] + b′, z of convolutions, P_u a vector of the user.

    The vectors of the last `window` items are a matrix E. `WindowConvolution` runs horizontal
    filters of all heights over it, each with the maximum over time, and vertical ones, sums of its
    rows; a dense layer makes z of both (eq. 4 to 9). An item has another vector, twice as wide, in
    the scores than in E (eq. 10). A step is trained on the next `targets` items, each by the binary
    cross-entropy with `num_negatives` drawn ones (eq. 11 and 12); these serve all steps of a row.

    When to choose it:
        Where the last few items decide, in patterns that a user's taste adds to. An unknown user
        is answered by the items alone.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width d of items, of z and of users.
        window: Number L of items that a step sees.
        targets: Number T of items that a step is trained on.
        horizontal: Horizontal filters of each height.
        vertical: Vertical filters.
        dropout: Share of what the filters gave that is dropped.
        num_negatives: Negatives of each target.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the id of items or users grows.
        ValueError: `window` or `targets` is below 1, or `num_negatives` is.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = Caser(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    knows_users = True

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 50,
        window: int = 5,
        targets: int = 3,
        horizontal: int = 16,
        vertical: int = 4,
        dropout: float = 0.5,
        num_negatives: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            lambda items: NextItemTask("binary", items, num_negatives),
            **kwargs,
        )
        if targets < 1:
            raise ValueError(f"`targets` must be at least 1; it is {targets}.")
        if schema.user_id.growing:
            raise SchemaError(
                f"Column `{schema.user_id.name}` grows, and sequences side by side in a row cannot "
                "let it: give it `hash_buckets` in place of `growing`."
            )
        self.window = window
        self.targets = targets
        self.horizontal = horizontal
        self.vertical = vertical
        self.dropout = dropout
        self.num_negatives = num_negatives
        user = schema.user_id.name
        self.details = [user]
        self.embed_user = self.new_vectors([user], embedding_dim, "embed_user")
        self.embed_output = self.new_vectors(
            [schema.item_id.name], 2 * embedding_dim, "embed_output"
        )
        self.bias = self.add_weight(
            name="bias",
            shape=[self.num_items, 1],
            initializer="zeros",
            experimental_autocast=False,
        )
        self.convolve = WindowConvolution(window, horizontal, vertical, name="convolve")
        self.drop = Dropout(dropout)
        self.dense = tf.keras.layers.Dense(embedding_dim, "relu", name="dense")

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return z after each step, `[batch, steps, embedding_dim]`."""
        found = self.convolve(vectors, remaining)
        return self.dense(self.drop(found, training=training))

    def states(
        self, features: Mapping[str, tf.Tensor], remaining: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """Return [z, P_u, 1] after each step, `[batch, steps, 2 embedding_dim + 1]`."""
        states = super().states(features, remaining, training=training)
        name = self.schema.user_id.name
        users = features.get(STEP + name)
        if users is None:
            users = get_column(features, name)[:, tf.newaxis]
            users = tf.repeat(users, tf.shape(states)[1], axis=1)
        flat = self.embed_user.rows({name: tf.reshape(users, [-1])}, name)
        flat = tf.reshape(flat, tf.shape(states))
        return tf.concat([states, flat, tf.ones_like(states[:, :, :1])], axis=2)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean loss over the targets of all steps.

        Args:
            inputs: Rows of `training_rows`.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        following, remaining = get_column(batch, TARGETS), get_column(batch, REMAINING)
        states = self.states(batch, remaining, training=training)
        # The k-th target of a step is the next one of the step k - 1 behind it.
        ahead = range(self.targets)
        targets = [tf.pad(following[:, k:], [[0, 0], [0, k]]) for k in ahead]
        counts = tf.concat([tf.cast(remaining > k, tf.float32) for k in ahead], axis=1)
        states = tf.tile(states, [1, self.targets, 1])
        loss = self.task(states, tf.concat(targets, axis=1), counts, self)
        return loss / tf.maximum(tf.reduce_sum(counts), 1.0)

    # === Items, as the task has them ===

    def vectors(self, items: tf.Tensor) -> tf.Tensor:
        """Return [vector, bias] of items in the scores, `[batch, items, 2 embedding_dim + 1]`."""
        vectors = super().vectors(items)
        return tf.concat([vectors, tf.cast(tf.gather(self.bias, items), vectors.dtype)], axis=2)

    def table(self) -> tf.Tensor:
        """Return these of all items, `[all items, 2 embedding_dim + 1]`."""
        table = super().table()
        bias = tf.cast(tf.convert_to_tensor(self.bias), table.dtype)
        return tf.concat([table, bias], axis=1)
