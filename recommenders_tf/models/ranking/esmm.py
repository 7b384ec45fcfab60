"""ESMM: conversion after a click, learned over all that was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from recommenders_tf.layers import FeatureEmbedding, ParallelMLP
from recommenders_tf.models.multi_task_ranker import MultiTaskRanker
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema


@register(
    paper="Ma et al.: Entire Space Multi-Task Model: An Effective Approach for Estimating "
    "Post-Click Conversion Rate, SIGIR 2018, arXiv:1804.07931"
)
class ESMM(MultiTaskRanker):
    """Predicts a click and click-and-conversion: pCTR = σ(a), pCTCVR = pCTR · pCVR (eq. 1).

    a and b, where pCVR = σ(b), come from two towers over the same embeddings and numbers side by
    side. The losses are those of pCTR and of pCTCVR, both over all examples (eq. 3); none is of
    pCVR alone, which is known of clicks only. The product is taken as a logit,
    -log(e⁻ᵃ + e⁻ᵇ + e⁻ᵃ⁻ᵇ), so that no probability is rounded to 0 or 1.

    Labels are such that each implies the one before, as a conversion does a click; `tower_logits`
    has b. A longer chain goes on in the same way. With one label there is no conversion to
    predict, and the model is the tower of pCTR. Embeddings may differ in width. Crosses of the
    schema are left out.

    When to choose it:
        Where one label can only follow on another, such as a purchase on a click, and is rare. For
        labels that do not imply each other choose `MMoE`.

    Args:
        schema: Fitted schema with one label or several, each implying the one before.
        embedding_dim: Width of the embeddings where the schema gives none.
        tower_units: Hidden layers of a tower.
        dropout: Share of values dropped after each hidden layer.
        task_weights: Factor of each task's loss, in the order of the labels; None weighs all alike.
        learning_rate: Of lazy Adam.
        **kwargs: Of the Keras model.

    Raises:
        ValueError: There are not as many weights as labels.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = ESMM(train.schema, tower_units=(32,))
        >>> model.compile()
        >>> _ = model.fit(train, epochs=1, verbose=0)
        >>> model.score(train.log.events[:3]).shape
        (3,)
    """

    def __init__(
        self,
        schema: FeatureSchema,
        embedding_dim: int = 18,
        tower_units: Sequence[int] = (360, 200, 80),
        dropout: float = 0.0,
        task_weights: Sequence[float] | None = None,
        learning_rate: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(schema, task_weights, **kwargs)
        self.embedding_dim = embedding_dim
        self.tower_units = tower_units
        self.dropout = dropout
        self.learning_rate = learning_rate
        columns = [column.name for column in schema.uncrossed]
        self.embed = FeatureEmbedding(
            schema, columns, embedding_dim, output="concatenated", name="embed"
        )
        self.towers = ParallelMLP(self.num_tasks, [*tower_units, 1], dropout=dropout, name="towers")

    def tower_logits(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logit of each label given the one before, float32 `[batch, tasks]`."""
        hidden = self.embed(inputs)
        return tf.cast(tf.squeeze(self.towers(hidden, training=training), axis=-1), tf.float32)

    def task_logits(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the logits of all labels, float32 `[batch, tasks]`."""
        first, *rest = tf.unstack(self.tower_logits(inputs, training), axis=1)
        joint = [first]
        for logit in rest:
            joint.append(both(joint[-1], logit))
        return tf.stack(joint, axis=1)


def both(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the logit of σ(a)·σ(b), by the odds against it: e⁻ᵃ + e⁻ᵇ + e⁻ᵃ⁻ᵇ.

    Example:
        >>> round(float(tf.sigmoid(both(tf.constant(0.0), tf.constant(0.0)))), 4)
        0.25
    """
    return -tf.reduce_logsumexp(-tf.stack([a, b, a + b]), axis=0)
