"""What a batch tells of how much two views of the same thing have to do with each other."""

from __future__ import annotations

import tensorflow as tf


def attribute_loss(logits: tf.Tensor, attributes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Return how wrong logits are about which of all attributes something has.

    Σ w (Σₐ log(1 + exp xₐ) − Σ xₐ of those that it has): the binary cross-entropy of every
    attribute, without a row of labels.

    Args:
        logits: xₐ, `[batch, steps, attributes]`.
        attributes: Numbers from 1 of those that each step has, none twice, 0 where there is none;
            int `[batch, steps, most]`.
        weights: w, float32 `[batch, steps]`.

    Returns:
        The sum, a float32 scalar.

    Example:
        >>> float(attribute_loss(tf.zeros([1, 1, 3]), tf.constant([[[2, 0]]]), tf.ones([1, 1])))
        2.0794415...

    References:
        Zhou et al.: S3-Rec, CIKM 2020, arXiv:2008.07873, equations 4 and 6.
    """
    logits = tf.cast(logits, tf.float32)
    padded = tf.pad(logits, [[0, 0], [0, 0], [1, 0]])
    own = tf.reduce_sum(tf.gather(padded, attributes, batch_dims=2), axis=2)
    return tf.reduce_sum(weights * (tf.reduce_sum(tf.nn.softplus(logits), axis=2) - own))


def pairwise_loss(right: tf.Tensor, wrong: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Return −Σ w log σ(right − wrong): how far right scores are from being above wrong ones.

    Args:
        right: Scores of what belongs together.
        wrong: Scores of what does not, in the same shape.
        weights: w, float32, likewise.

    Returns:
        The sum, a float32 scalar.

    Example:
        >>> float(pairwise_loss(tf.constant([2.0]), tf.constant([2.0]), tf.ones([1])))
        0.693147...

    References:
        Zhou et al.: S3-Rec, CIKM 2020, arXiv:2008.07873, equations 5, 7 and 8 with one negative,
        as the authors' program has them.
    """
    apart = tf.cast(right, tf.float32) - tf.cast(wrong, tf.float32)
    return tf.reduce_sum(weights * tf.nn.softplus(-apart))
