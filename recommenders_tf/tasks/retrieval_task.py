"""TFRS' retrieval task, whatever the precision of the model and with AutoGraph off around it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs

from recommenders_tf.tasks.full_precision import full_precision


class RetrievalTask(tfrs.tasks.Retrieval):
    """`tfrs.tasks.Retrieval` in float32.

    It needs AutoGraph, which training goes without (see `Recommender.train_step`), and so brings
    its own. Candidates behind those of the queries are negatives of all of them. Where not all
    items are as likely to stand among the candidates, each score is corrected by −log of how many
    times its item is expected there.

    Args:
        **kwargs: Of `tfrs.tasks.Retrieval`.

    Example:
        >>> import tensorflow as tf
        >>> vectors = tf.constant([[0.0, 0.0], [0.0, 0.0]])
        >>> round(float(RetrievalTask()(vectors, vectors)), 4)
        1.3863
    """

    def __init__(self, **kwargs: Any) -> None:
        with full_precision():
            super().__init__(**kwargs)

    def call(
        self,
        query_embeddings: tf.Tensor,
        candidate_embeddings: tf.Tensor,
        sample_weight: tf.Tensor | None = None,
        candidate_expected: tf.Tensor | None = None,
        candidate_ids: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return the loss; see `tfrs.tasks.Retrieval`.

        Args:
            query_embeddings: `[queries, dim]`.
            candidate_embeddings: `[candidates, dim]`; the first ones are those of the queries.
            sample_weight: `[queries]`.
            candidate_expected: How often each item is expected among the candidates, but for a
                common factor, float32 `[candidates]`.
            candidate_ids: `[candidates]`.
        """
        query, candidates = (
            tf.cast(part, tf.float32) for part in (query_embeddings, candidate_embeddings)
        )
        if candidate_expected is not None:
            # As one more product, as TFRS' own correction takes no item for rarer than 1e-6.
            correction = -tf.math.log(candidate_expected)[:, tf.newaxis]
            query = tf.concat([query, tf.ones_like(query[:, :1])], axis=1)
            candidates = tf.concat([candidates, correction], axis=1)
        with full_precision():
            return tf.function(super().call)(
                query, candidates, sample_weight=sample_weight, candidate_ids=candidate_ids
            )


def in_batch_pairs(scores: tf.Tensor, items: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return labels and scores of a batch as metrics take them: each query's own item is right.

    The same item at another place of the batch is not wrong: it gets the lowest score.

    Args:
        scores: Of each query with the item of each example `[batch, batch]`.
        items: Item ids `[batch]`.

    Returns:
        Labels and scores, float32 `[batch, batch]`.

    Example:
        >>> labels, scores = in_batch_pairs(tf.ones([2, 2]), tf.constant([7, 7]))
        >>> labels.numpy().tolist(), bool(scores[0, 1] < scores[0, 0])
        ([[1.0, 0.0], [0.0, 1.0]], True)
    """
    labels = tf.eye(tf.shape(items)[0])
    again = (items[:, tf.newaxis] == items) & (labels == 0)
    return labels, tf.where(again, scores.dtype.min, scores)
