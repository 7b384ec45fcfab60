"""What S3-Rec learns first: how attributes, items, segments and sequences belong together."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.data.sequence_rows import REMAINING
from recommenders_tf.features import get_column
from recommenders_tf.layers import (
    ClozeSteps,
    SegmentSteps,
    TransformerEncoder,
    UniformNegatives,
    visible_steps,
)
from recommenders_tf.losses import attribute_loss, pairwise_loss
from recommenders_tf.models.item_attributes import num_attributes
from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.tasks.next_item_task import NextItemTask


class TransformerRetriever(SequenceRetriever):
    """A sequence model of a `TransformerEncoder`, which answers from earlier steps alone.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width of items and states.
        task: Makes the loss, given the size of the vocabulary.
        blocks: Blocks of attention and network.
        heads: Heads of the attention.
        dropout: Share that is dropped.
        **kwargs: Of the Keras model.
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int,
        task: Callable[[int], NextItemTask],
        blocks: int = 2,
        heads: int = 2,
        dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, embedding_dim, task, **kwargs)
        self.blocks = blocks
        self.heads = heads
        self.dropout = dropout
        self.attend = TransformerEncoder(
            self.column.max_length or 0, blocks, heads, dropout, name="attend"
        )

    def encode(self, vectors: tf.Tensor, remaining: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the state after each step, `[batch, steps, embedding_dim]`."""
        return self.attend(vectors, remaining, causal=True, training=training)

    def last_state(self, features: Mapping[str, tf.Tensor], remaining: tf.Tensor) -> tf.Tensor:
        """Return the state after the last step; the last block computes no other."""
        state = self.attend(self.steps(features), remaining, last_only=True)
        return self.in_context(state, features)[:, 0]

    def start_from(self, other: TransformerRetriever) -> None:
        """Take over the vectors and the encoder of another model of the same shape."""
        for name in ("embed", "embed_beside", "attend"):
            getattr(self, name).set_weights(getattr(other, name).get_weights())


class MutualInformation(TransformerRetriever):
    """Learns the items, attributes, segments and sequences that belong together.

    With vectors e of items and a of attributes, states h of sequences part of which is a gap, seen
    from both sides, and a matrix W for each, the loss is the weighted sum of

    - associated attributes: σ(eᵢᵀ W a) tells for each item which of all attributes are its own;
    - masked items: hₜᵀ W e of what stood in a gap is above that of an item drawn at random;
    - masked attributes: σ(hₜᵀ W a) tells which attributes what stood in a gap has;
    - segments: sᵀ W s′ of the last states of a sequence without a segment and of this segment
      alone is above that with a segment of another sequence,

    each summed over what it is of, over the number of steps.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        attributes: Of every item, by its id, the numbers of its attributes from 1 on, 0 where
            there is none; int `[items, most]`, as `attribute_table` makes it.
        weights: Of the four objectives, in this order.
        mask_share: Share of the steps that become gaps.
        embedding_dim: Width of items and states.
        **kwargs: Of `TransformerRetriever`.

    References:
        Zhou et al.: S3-Rec, CIKM 2020, arXiv:2008.07873, section 4.2.
    """

    def __init__(
        self,
        schema: FeatureSchema,
        attributes: np.ndarray,
        weights: Sequence[float],
        mask_share: float,
        embedding_dim: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            schema, embedding_dim, lambda items: NextItemTask("softmax", items), **kwargs
        )
        self.attributes = tf.constant(attributes, tf.int32)
        self.weights_of_objectives = tuple(weights)
        self.choose_gaps = ClozeSteps(mask_share, name="choose_gaps")
        self.choose_segment = SegmentSteps(name="choose_segment")
        self.negatives = UniformNegatives(self.num_items, 1, name="negatives")
        self.generator = tf.random.Generator.from_seed(random.randint(1, 10**9))
        self.gap = self.add_weight(name="gap", shape=[embedding_dim], initializer="zeros")
        self.fit_associated, self.fit_item, self.fit_attribute, self.fit_segment = (
            tf.keras.layers.Dense(embedding_dim, use_bias=False, name=f"fit_{name}")
            for name in ("associated", "item", "attribute", "segment")
        )
        self.has_attributes = bool(count := num_attributes(schema))
        if self.has_attributes:
            self.attribute_vectors = self.add_weight(
                name="attribute_vectors",
                shape=[count, embedding_dim],
                initializer=tf.keras.initializers.TruncatedNormal(stddev=embedding_dim**-0.5),
            )

    def compute_loss(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Return the weighted sum of the objectives, over the number of steps.

        Args:
            inputs: Rows of `training_rows`.
            training: Whether the model is trained.
        """
        batch, _, _ = tf.keras.utils.unpack_x_y_sample_weight(inputs)
        items, remaining = get_column(batch, self.column.name), get_column(batch, REMAINING)
        vectors, real = self.steps(batch), remaining > 0
        places, counts = self.choose_gaps(remaining)
        segment, last = self.choose_segment(remaining)
        is_gap = tf.one_hot(places, tf.shape(items)[1]) * counts[:, :, tf.newaxis]
        is_gap = tf.reduce_any(is_gap > 0, axis=1)
        views = [
            tf.where(kept[:, :, tf.newaxis], seen, tf.cast(self.gap, vectors.dtype))
            for kept, seen in (
                (~is_gap, vectors),
                (~segment, vectors),
                (segment, vectors),
                (segment, self._of_others(vectors, real, segment)),
            )
        ]
        states = self.attend(
            tf.concat(views, axis=0),
            tf.tile(remaining, [len(views), 1]),
            causal=False,
            training=training,
        )
        masked, context, right, wrong = tf.split(states, len(views))
        told, own = (tf.gather(part, places, batch_dims=1) for part in (masked, items))
        met = tf.gather(visible_steps(remaining, causal=False), places, batch_dims=1)

        associated, of_items, of_attributes, of_segments = self.weights_of_objectives
        loss = of_items * self.masked_items(told, own, counts, met, items)
        loss += of_segments * self.segments(context, right, wrong, last)
        if self.has_attributes:
            every = self.fit_associated(self.vectors(items))
            loss += associated * self.attributes_of(every, items, tf.cast(real, tf.float32))
            loss += of_attributes * self.attributes_of(self.fit_attribute(told), own, counts)
        return loss / tf.maximum(tf.math.count_nonzero(real, dtype=tf.float32), 1.0)

    def attributes_of(
        self, projected: tf.Tensor, items: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        """Return how wrong xᵀ W a is about the attributes of items, all `[batch, steps, ...]`."""
        vectors = tf.cast(self.attribute_vectors, projected.dtype)
        logits = tf.tensordot(projected, vectors, [[2], [1]])
        return attribute_loss(logits, tf.gather(self.attributes, items), weights)

    def masked_items(
        self, told: tf.Tensor, own: tf.Tensor, counts: tf.Tensor, met: tf.Tensor, items: tf.Tensor
    ) -> tf.Tensor:
        """Return how far the items of gaps are from being above drawn ones.

        Args:
            told: States of the gaps, `[batch, gaps, dim]`.
            own: What stood in them, `[batch, gaps]`.
            counts: Which of them count, float32 `[batch, gaps]`.
            met: Which steps are of the sequence of each gap, bool `[batch, gaps, steps]`: an item
                that one of them has counts nothing as a drawn one.
            items: Of the steps, `[batch, steps]`.
        """
        drawn = tf.reshape(self.negatives(tf.reshape(own, [-1])), tf.shape(own))
        has_met = tf.reduce_any(met & (drawn[:, :, tf.newaxis] == items[:, tf.newaxis]), axis=2)
        projected = self.fit_item(told)
        right, wrong = (
            tf.reduce_sum(projected * self.vectors(part), axis=2) for part in (own, drawn)
        )
        return pairwise_loss(right, wrong, counts * tf.cast(~has_met, tf.float32))

    def segments(
        self, context: tf.Tensor, right: tf.Tensor, wrong: tf.Tensor, last: tf.Tensor
    ) -> tf.Tensor:
        """Return how far segments are from being above others in what sequences lack.

        Args:
            context: States of sequences without their segment, `[batch, steps, dim]`.
            right: Those of the segment alone.
            wrong: Those of one from elsewhere in its place.
            last: The step whose state stands for a sequence, bool `[batch, steps]`.
        """
        here = tf.cast(last, context.dtype)[:, :, tf.newaxis]
        whole, right, wrong = (tf.reduce_sum(part * here, 1) for part in (context, right, wrong))
        projected = self.fit_segment(whole)
        right, wrong = (tf.reduce_sum(projected * part, axis=1) for part in (right, wrong))
        return pairwise_loss(right, wrong, tf.cast(tf.reduce_any(last, axis=1), tf.float32))

    def _of_others(self, vectors: tf.Tensor, real: tf.Tensor, segment: tf.Tensor) -> tf.Tensor:
        """Return in the place of each segment as many steps that follow one another elsewhere."""
        order = tf.argsort(tf.cast(~tf.reshape(real, [-1]), tf.int32), stable=True)
        total = tf.math.count_nonzero(real, dtype=tf.int32)
        draws = self.generator.uniform([tf.shape(real)[0], 1])
        first = tf.cast(draws * tf.cast(total, tf.float32), tf.int32)
        place = first + tf.cumsum(tf.cast(segment, tf.int32), axis=1)
        place = tf.gather(order, place % tf.maximum(total, 1))
        return tf.gather(tf.reshape(vectors, [-1, vectors.shape[2]]), place)
