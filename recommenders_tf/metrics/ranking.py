"""Metrics of ordered lists: how early a list has the items that were right.

All of them read `relevance`, 1.0 where the item at that rank is relevant, and `num_relevant`, how
many relevant items the row has, found or not. The cut k is the width of `relevance`. A row without
relevant items gives 0, and says nothing of the model: leave it out of means.
"""

from __future__ import annotations

import numpy.typing as npt
import tensorflow as tf


def hit_rate(relevance: npt.ArrayLike, num_relevant: npt.ArrayLike) -> tf.Tensor:
    """Return 1 for each row with a relevant item among its k, else 0.

    Args:
        relevance: 0 or 1 by rank, the best first `[rows, k]`.
        num_relevant: All relevant items of each row `[rows]`.

    Returns:
        float32 `[rows]`.

    Example:
        >>> hit_rate([[0, 1, 0], [0, 0, 0]], [2, 1]).numpy().tolist()
        [1.0, 0.0]
    """
    by_rank, _ = _floats(relevance, num_relevant)
    return tf.reduce_max(by_rank, axis=1)


def recall(relevance: npt.ArrayLike, num_relevant: npt.ArrayLike) -> tf.Tensor:
    """Return the share of each row's relevant items that are among its k.

    With more than k relevant items it stays below 1, whatever the model does.

    Args:
        relevance: 0 or 1 by rank, the best first `[rows, k]`.
        num_relevant: All relevant items of each row `[rows]`.

    Returns:
        float32 `[rows]`.

    Example:
        >>> recall([[0, 1, 0], [0, 0, 0]], [2, 1]).numpy().tolist()
        [0.5, 0.0]
    """
    by_rank, number = _floats(relevance, num_relevant)
    return tf.math.divide_no_nan(tf.reduce_sum(by_rank, axis=1), number)


def precision(relevance: npt.ArrayLike, num_relevant: npt.ArrayLike) -> tf.Tensor:
    """Return the relevant share of each row's k places.

    Empty places count as wrong: it divides by k also where a catalogue has fewer items.

    Args:
        relevance: 0 or 1 by rank, the best first `[rows, k]`.
        num_relevant: All relevant items of each row `[rows]`.

    Returns:
        float32 `[rows]`.

    Example:
        >>> precision([[0, 1, 0, 0], [1, 0, 1, 0]], [2, 2]).numpy().tolist()
        [0.25, 0.5]
    """
    by_rank, _ = _floats(relevance, num_relevant)
    return tf.reduce_mean(by_rank, axis=1)


def ndcg(relevance: npt.ArrayLike, num_relevant: npt.ArrayLike) -> tf.Tensor:
    """Return the normalized discounted cumulative gain: Σ relᵣ / log2(1 + r) over its best value.

    The best value is that of a list that begins with min(num_relevant, k) relevant items.

    Args:
        relevance: 0 or 1 by rank r, the best first `[rows, k]`.
        num_relevant: All relevant items of each row `[rows]`.

    Returns:
        float32 `[rows]`.

    Example:
        >>> ndcg([[1, 0, 0], [0, 0, 1]], [1, 1]).numpy().tolist()
        [1.0, 0.5]

    References:
        Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques, TOIS 2002.
    """
    by_rank, number = _floats(relevance, num_relevant)
    ranks = _ranks(by_rank)
    discounts = tf.math.log(2.0) / tf.math.log1p(ranks)
    ideal = tf.where(ranks <= number[:, tf.newaxis], discounts, 0.0)
    return tf.math.divide_no_nan(
        tf.reduce_sum(by_rank * discounts, axis=1), tf.reduce_sum(ideal, axis=1)
    )


def average_precision(relevance: npt.ArrayLike, num_relevant: npt.ArrayLike) -> tf.Tensor:
    """Return the precision at the ranks of the relevant items, over min(num_relevant, k).

    Its mean over rows is MAP. It divides by the relevant items that k places can hold; some
    libraries divide by all of them, and give less where there are more than k.

    Args:
        relevance: 0 or 1 by rank, the best first `[rows, k]`.
        num_relevant: All relevant items of each row `[rows]`.

    Returns:
        float32 `[rows]`.

    Example:
        >>> average_precision([[1, 0, 0, 1]], [2]).numpy().tolist()  # (1 / 1 + 2 / 4) / 2
        [0.75]
    """
    by_rank, number = _floats(relevance, num_relevant)
    ranks = _ranks(by_rank)
    precisions = tf.cumsum(by_rank, axis=1) / ranks
    places = tf.minimum(number, tf.reduce_max(ranks))
    return tf.math.divide_no_nan(tf.reduce_sum(by_rank * precisions, axis=1), places)


def reciprocal_rank(relevance: npt.ArrayLike, num_relevant: npt.ArrayLike) -> tf.Tensor:
    """Return 1 / rank of each row's first relevant item, 0 if none is among its k.

    Its mean over rows is MRR.

    Args:
        relevance: 0 or 1 by rank, the best first `[rows, k]`.
        num_relevant: All relevant items of each row `[rows]`.

    Returns:
        float32 `[rows]`.

    Example:
        >>> reciprocal_rank([[0, 1, 1], [0, 0, 0]], [2, 1]).numpy().tolist()
        [0.5, 0.0]
    """
    by_rank, _ = _floats(relevance, num_relevant)
    return tf.reduce_max(by_rank / _ranks(by_rank), axis=1)


def relevance_by_rank(
    labels: npt.ArrayLike, scores: npt.ArrayLike, k: int, mask: npt.ArrayLike | None = None
) -> tf.Tensor:
    """Return where the relevant candidates of each row stand, as the other functions take it.

    Ties count against the model: of equal scores the irrelevant ones stand first, so that constant
    scores earn nothing. NaN and −∞ stand last.

    Args:
        labels: Above 0 for relevant candidates `[rows, candidates]`.
        scores: Higher is better; compared in float32 `[rows, candidates]`.
        k: Ranks to return; those past the candidates are 0.
        mask: Candidates that are there, bool `[rows, candidates]`; None takes all.

    Returns:
        float32 `[rows, k]`.

    Raises:
        ValueError: `k` is below 1 or the shapes differ.

    Example:
        >>> relevance_by_rank([[1, 0, 1]], [[0.5, 0.5, 0.9]], k=4).numpy().tolist()
        [[1.0, 0.0, 1.0, 0.0]]
    """
    if k < 1:
        raise ValueError(f"`k` must be at least 1; it is {k}.")
    values, relevant = tf.cast(scores, tf.float32), tf.cast(labels, tf.float32) > 0
    if values.shape.rank != 2 or not values.shape.is_compatible_with(relevant.shape):
        raise ValueError(
            "`labels` and `scores` must both be `[rows, candidates]`; they are "
            f"{relevant.shape} and {values.shape}."
        )
    there = tf.ones_like(relevant) if mask is None else tf.cast(mask, tf.bool)
    lowest, nothing = values.dtype.min, -float("inf")
    values = tf.where(values > lowest, values, lowest)
    # Of equal values `top_k` takes the one further left: the irrelevant stand there.
    irrelevant_first = [there & ~relevant, there & relevant]
    both = tf.concat([tf.where(half, values, nothing) for half in irrelevant_first], axis=1)
    width = tf.minimum(k, tf.shape(both)[1])
    best, places = tf.math.top_k(both, width)
    found = (places >= tf.shape(values)[1]) & (best > nothing)
    padded = tf.pad(tf.cast(found, tf.float32), [[0, 0], [0, k - width]])
    return tf.ensure_shape(padded, [values.shape[0], k])


def _ranks(relevance: tf.Tensor) -> tf.Tensor:
    """Return 1, 2, …, k in float32."""
    return tf.range(1.0, tf.cast(tf.shape(relevance)[1], tf.float32) + 1.0)


def _floats(relevance: npt.ArrayLike, num_relevant: npt.ArrayLike) -> tuple[tf.Tensor, tf.Tensor]:
    """Return both in float32.

    Raises:
        ValueError: They are not `[rows, k]` and `[rows]`.
    """
    by_rank, number = tf.cast(relevance, tf.float32), tf.cast(num_relevant, tf.float32)
    if by_rank.shape.rank != 2 or not number.shape.is_compatible_with(by_rank.shape[:1]):
        raise ValueError(
            "`relevance` must be `[rows, k]` and `num_relevant` `[rows]`; they are "
            f"{by_rank.shape} and {number.shape}."
        )
    return by_rank, number
