"""The metrics of lists against their definitions, written out row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from recommenders_tf.metrics import ranking

FORMULAS = (
    ranking.hit_rate,
    ranking.recall,
    ranking.precision,
    ranking.ndcg,
    ranking.average_precision,
    ranking.reciprocal_rank,
)


def ordered(labels, scores, mask):
    """Return the labels of a row's candidates, best first: ties with the irrelevant ahead."""
    present = [i for i in range(len(labels)) if mask[i]]
    return [labels[i] for i in sorted(present, key=lambda i: (-scores[i], labels[i]))]


def naive(labels, scores, mask, k):
    """Return the six metrics of one row."""
    best = ordered(labels, scores, mask)[:k]
    number = sum(int(label) for label, there in zip(labels, mask, strict=True) if there)
    if not number:
        return [0.0] * 6
    ranks = [rank for rank, label in enumerate(best, 1) if label]
    ideal = sum(1 / math.log2(1 + rank) for rank in range(1, min(number, k) + 1))
    return [
        float(bool(ranks)),
        len(ranks) / number,
        len(ranks) / k,
        sum(1 / math.log2(1 + rank) for rank in ranks) / ideal,
        sum(place / rank for place, rank in enumerate(ranks, 1)) / min(number, k),
        1 / ranks[0] if ranks else 0.0,
    ]


def random_rows(seed, rows=60, candidates=12):
    """Return labels, scores with ties, and a mask; among the rows some without relevant items."""
    random = np.random.default_rng(seed)
    labels = (random.random([rows, candidates]) < random.choice([0.0, 0.1, 0.6], [rows, 1])) * 1
    scores = random.integers(0, 5, [rows, candidates]) / 4
    return labels, scores, random.random([rows, candidates]) < 0.8


@pytest.mark.parametrize("k", [1, 3, 12, 20, 40])
@pytest.mark.parametrize("masked", [False, True])
def test_equal_the_definitions_with_ties_empty_rows_and_k_above_the_candidates(k, masked):
    labels, scores, mask = random_rows(seed=k)
    mask = mask if masked else np.ones_like(mask)
    relevance = ranking.relevance_by_rank(labels, scores, k, mask if masked else None)
    number = (labels * mask).sum(axis=1)
    assert relevance.shape == [60, k] and relevance.dtype == tf.float32
    assert 0 in number and number.max() > 3
    expected = np.array([naive(*row, k) for row in zip(labels, scores, mask, strict=True)])
    for column, formula in enumerate(FORMULAS):
        np.testing.assert_allclose(
            formula(relevance, number), expected[:, column], atol=1e-6, err_msg=formula.__name__
        )


def test_relevance_stands_where_the_order_puts_it():
    labels, scores, mask = random_rows(seed=7)
    relevance = ranking.relevance_by_rank(labels, scores, 15, mask).numpy()
    for row, found in enumerate(relevance):
        expected = ordered(labels[row], scores[row], mask[row])
        np.testing.assert_array_equal(found, np.pad(expected, (0, 15 - len(expected))))


def test_constant_scores_earn_what_the_worst_order_does():
    relevance = ranking.relevance_by_rank([[1, 0, 0, 0]], np.zeros([1, 4]), k=3)
    assert relevance.numpy().tolist() == [[0.0, 0.0, 0.0]]


def test_what_has_no_score_stands_last_of_those_that_are_there():
    labels = [[1, 0, 1, 0, 1]]
    scores = [[np.nan, np.nan, -np.inf, -5.0, np.inf]]
    last = ranking.relevance_by_rank(labels, scores, k=6).numpy().tolist()
    assert last == [[1.0, 0.0, 0.0, 1.0, 1.0, 0.0]]
    mask = [[True, False, False, True, True]]
    assert ranking.relevance_by_rank(labels, scores, 3, mask).numpy().tolist() == [[1.0, 0.0, 1.0]]


def test_equals_scikit_learn_where_scores_differ():
    random = np.random.default_rng(5)
    labels = (random.random([40, 15]) < 0.3) * 1
    labels[:, 0] = 1
    scores = random.permuted(np.tile(np.arange(15.0), [40, 1]), axis=1)
    number = labels.sum(axis=1)
    for k in (5, 15):
        ours = ranking.ndcg(ranking.relevance_by_rank(labels, scores, k), number)
        expected = sklearn_metrics.ndcg_score(labels, scores, k=k)
        assert np.mean(ours) == pytest.approx(expected, abs=1e-6)
    whole = ranking.relevance_by_rank(labels, scores, 15)
    expected = [
        sklearn_metrics.average_precision_score(*row) for row in zip(labels, scores, strict=True)
    ]
    np.testing.assert_allclose(ranking.average_precision(whole, number), expected, atol=1e-6)
    one = np.eye(15)[random.integers(0, 15, 40)]
    alone = ranking.relevance_by_rank(one, scores, 15)
    # The average precision of the labels of a row with one label is 1 / its rank.
    expected = sklearn_metrics.label_ranking_average_precision_score(one, scores)
    reciprocal = ranking.reciprocal_rank(alone, np.ones(40))
    assert np.mean(reciprocal) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_graphs_with_unknown_sizes_give_the_same(jit):
    labels, scores, mask = random_rows(seed=3)
    unknown = tf.TensorSpec([None, None])

    @tf.function(
        input_signature=[unknown, unknown, tf.TensorSpec([None, None], tf.bool)], jit_compile=jit
    )
    def measured(labels, scores, mask):
        number = tf.reduce_sum(tf.where(mask, labels, 0.0), axis=1)
        relevance = ranking.relevance_by_rank(labels, scores, 20, mask)
        return [formula(relevance, number) for formula in FORMULAS]

    relevance = ranking.relevance_by_rank(labels, scores, 20, mask)
    number = (labels * mask).sum(axis=1)
    found = measured(labels.astype(np.float32), scores.astype(np.float32), mask)
    for formula, values in zip(FORMULAS, found, strict=True):
        np.testing.assert_allclose(values, formula(relevance, number), atol=1e-6)


def test_shapes_that_would_broadcast_to_nonsense_are_refused():
    with pytest.raises(
        ValueError, match=r"`num_relevant` `\[rows\]`; they are \(2, 3\) and \(2, 1"
    ):
        ranking.recall(np.ones([2, 3]), np.ones([2, 1]))
    with pytest.raises(ValueError, match="must both be"):
        ranking.relevance_by_rank([[1, 0]], [[0.1, 0.2, 0.3]], k=1)
    with pytest.raises(ValueError, match="`k` must be at least 1; it is 0"):
        ranking.relevance_by_rank([[1]], [[0.1]], k=0)
