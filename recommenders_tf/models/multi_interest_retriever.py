"""Sequence models that have several vectors of a user, one for each interest."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from recommenders_tf.models.sequence_retriever import SequenceRetriever
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.tasks.next_item_task import NextItemTask


class MultiInterestRetriever(SequenceRetriever):
    """A sequence model that scores an item by the interest it fits best, maxₖ ⟨vₖ, eᵢ⟩.

    `encode` returns the interests of each step side by side, `[batch, steps, interests * dim]`. A
    subclass writes it and `choose`.

    Args:
        schema: Fitted schema with a sequence whose source is the item id.
        embedding_dim: Width of items and interests.
        interests: Number of interests.
        task: Makes the loss, given the size of the vocabulary.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: There is no such sequence, no event time, or the item id grows.
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int,
        interests: int,
        task: Callable[[int], NextItemTask],
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, embedding_dim, task, **kwargs)
        self.interests = interests

    def choose(self, scores: tf.Tensor) -> tf.Tensor:
        """Return what each interest counts to tell an item, `[batch, steps, interests]`.

        Args:
            scores: Products of the interests with the item, of that shape.
        """
        raise NotImplementedError

    def read_out(self, states: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Return of the interests of each step the one that should tell its item."""
        shape = tf.shape(states)
        states = tf.reshape(states, [shape[0], shape[1], self.interests, self.embedding_dim])
        scores = tf.einsum("bskd,bsd->bsk", states, self.vectors(targets))
        return tf.einsum("bsk,bskd->bsd", self.choose(scores), states)

    def in_context(self, states: tf.Tensor, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return all interests times what the contexts say of them."""
        parts = tf.split(states, self.interests, axis=2)
        inner = super().in_context
        return tf.concat([inner(part, features) for part in parts], axis=2)

    def score_candidates(self, query: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Return the score of every query with every candidate, float32 `[batch, items]`."""
        vectors, popularity = candidates[:, :-1], candidates[:, -1:]
        parts = tf.split(query[:, :-1], self.interests, axis=1)
        best = functools.reduce(
            tf.maximum, (tf.matmul(part, vectors, transpose_b=True) for part in parts)
        )
        best += tf.matmul(query[:, -1:], popularity, transpose_b=True)
        return tf.cast(best, tf.float32)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of pairs, float32 `[batch, 1]`."""
        query, candidate = self.encode_query(inputs), self.encode_candidates(inputs)
        parts = tf.stack(tf.split(query[:, :-1], self.interests, axis=1), axis=1)
        best = tf.reduce_max(tf.einsum("bkd,bd->bk", parts, candidate[:, :-1]), axis=1)
        return tf.cast(best + query[:, -1] * candidate[:, -1], tf.float32)[:, tf.newaxis]
