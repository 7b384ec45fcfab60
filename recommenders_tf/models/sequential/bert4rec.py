"""Sequential recommendation by filling gaps: bidirectional self-attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.data.sequence_rows import REMAINING
from recommenders_tf.features import get_column
from recommenders_tf.layers import ClozeSteps, TransformerEncoder
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tasks.next_item_task import NextItemTask


@register(
    paper="Sun et al.: BERT4Rec: Sequential Recommendation with Bidirectional Encoder "
    "Representations from Transformer, CIKM 2019, arXiv:1904.06690",
    search_space={
        "blocks": Choice((1, 2, 3)),
        "mask_share": Range(0.1, 0.6),
        "num_negatives": Choice((0, 512, 4096)),
        "learning_rate": Range(1e-4, 0.1, "log"),
    },
)
class BERT4Rec(SequenceRetriever):
    """Scores the next item by the state of a gap that is appended to a user's items.

    In training a share of the steps of each sequence is replaced by a gap, and the state there
    tells what stood in it, from both sides (eq. 8); some sequences lose their last step alone, as
    an answer does. Blocks of attention and of a network with GELU, each as LayerNorm(x +
    Dropout(f(x))), see all steps of the sequence. What a gap tells is
    softmax(GELU(h W + b) Eᵀ + c) with the vectors E of the input (eq. 7) and, as in the authors'
    program, a norm behind GELU. Positions are counted from the end of the sequence.

    When to choose it:
        Where there is time to train it long: it ends about where `sasrec` with a softmax or
        with many calibrated negatives does, and takes several times as many epochs. Trained too
        shortly it is the best-known false result of this field (Petrov and Macdonald 2022,
        arXiv:2207.07483).

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width of items and states.
        blocks: Blocks of attention and network.
        heads: Heads of the attention.
        dropout: Share that is dropped.
        mask_share: Share ρ of the steps that become gaps; the paper has 0.2 for MovieLens and
            0.6 for Beauty.
        last_share: Share of the sequences of which the last step alone is one.
        num_negatives: Items of the softmax beside the one in a gap; 0 takes all.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
        ValueError: `heads` does not divide `embedding_dim`, or a share is not one.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = BERT4Rec(train.schema, embedding_dim=16)
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> len(model.recommend(["somebody new"], k=3))
        3
    """

    foretells = False

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 64,
        blocks: int = 2,
        heads: int = 2,
        dropout: float = 0.1,
        mask_share: float = 0.2,
        last_share: float = 0.1,
        num_negatives: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema,
            embedding_dim,
            lambda items: NextItemTask("softmax", items, num_negatives),
            **kwargs,
        )
        self.num_negatives = num_negatives
        self.blocks = blocks
        self.heads = heads
        self.dropout = dropout
        self.mask_share = mask_share
        self.last_share = last_share
        self.choose_gaps = ClozeSteps(mask_share, last_share, name="choose_gaps")
        self.gap = self.add_weight(name="gap", shape=[embedding_dim], initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=[self.num_items, 1], initializer="zeros")
        self.attend = TransformerEncoder(
            self.column.max_length or 0, blocks, heads, dropout, name="attend"
        )
        self.project = tf.keras.layers.Dense(embedding_dim, "gelu", name="project")
        self.project_norm = tf.keras.layers.LayerNormalization(name="project_norm")

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the state of each step, `[batch, steps, embedding_dim]`."""
        return self.attend(vectors, remaining, causal=False, training=training)

    def encode_query(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [projected state of a gap behind the last step, 1, 0], or [0, 0, 1]."""
        features = self.shortened(features)
        remaining = self.remaining(features)
        # Steps to the right, so that a gap has room behind them; the oldest may have to give way.
        order = tf.argsort(tf.where(remaining > 0, -remaining, remaining.dtype.min), axis=1)
        vectors = tf.gather(self.steps(features), order, batch_dims=1)
        left = tf.gather(remaining, order, batch_dims=1)
        left = tf.where((left > 0) & (left < self.attend.length), left + 1, 0)
        gap = tf.zeros_like(vectors[:, :1]) + tf.cast(self.gap, vectors.dtype)
        steps = tf.concat([vectors, gap], axis=1)
        left = tf.concat([left, tf.ones_like(left[:, :1])], axis=1)
        state = self.attend(steps, left, causal=False, last_only=True)
        state = self._told(self.in_context(state, features))[:, 0]
        return self.with_cold_start(tf.concat([state, tf.ones_like(state[:, :1])], 1), remaining)

    def encode_candidates(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return [vector, bias, popularity] of items, `[items, embedding_dim + 2]`."""
        items = get_column(features, self.schema.item_id.name)
        vectors = self.embed.rows(features, self.schema.item_id.name)
        rest = [tf.cast(tf.gather(v, items), vectors.dtype) for v in (self.bias, self.popularity)]
        return tf.concat([vectors, *rest], axis=1)

    def item_bias(self) -> tf.Tensor:
        """Return what is added to the logit of each item, float32 `[items]`."""
        return tf.cast(self.bias[:, 0], tf.float32)

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the mean loss over the gaps.

        Args:
            inputs: Rows of `training_rows`.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        remaining, items = get_column(batch, REMAINING), get_column(batch, self.column.name)
        places, counts = self.choose_gaps(remaining)
        is_gap = tf.reduce_max(
            tf.one_hot(places, tf.shape(remaining)[1]) * counts[:, :, tf.newaxis], axis=1
        )
        vectors = self.steps(batch)
        gap = tf.cast(self.gap, vectors.dtype)
        vectors = tf.where(is_gap[:, :, tf.newaxis] > 0, gap, vectors)
        states = self.encode(vectors, remaining, training=training)
        states = self.in_context(states, batch)
        told = self._told(tf.gather(states, places, batch_dims=1))
        loss = self.task(told, tf.gather(items, places, batch_dims=1), counts, self)
        return loss / tf.maximum(tf.reduce_sum(counts), 1.0)

    def _told(self, states: tf.Tensor) -> tf.Tensor:
        """Return what states are before the product with the items' vectors."""
        return self.project_norm(self.project(states))
