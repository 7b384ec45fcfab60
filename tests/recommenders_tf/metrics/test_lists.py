"""Metrics of recommendations beyond accuracy, against loops over users, items and pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recommenders_tf.metrics import lists as beyond

ITEMS = 30


@pytest.fixture
def listed():
    """Lists of which some are short and one is empty."""
    random = np.random.default_rng(0)
    rows = np.stack([random.permutation(25)[:6] for _ in range(40)])
    rows[np.arange(6) >= random.integers(2, 7, [40, 1])] = -1
    rows[3] = -1
    return rows


@pytest.fixture
def popularity():
    shares = np.random.default_rng(1).integers(0, 20, ITEMS) / 20
    assert 0 in shares
    return shares


def items_of(rows):
    return [[item for item in row if item >= 0] for row in rows]


def test_coverage_and_gini_count_what_is_recommended(listed):
    times = [sum(item in row for row in items_of(listed)) for item in range(ITEMS)]
    assert 0 in times
    assert beyond.coverage(listed, ITEMS) == sum(count > 0 for count in times) / ITEMS
    differences = sum(abs(a - b) for a in times for b in times)
    expected = differences / (2 * ITEMS * sum(times))  # half the mean difference over the mean
    assert beyond.gini(listed, ITEMS) == pytest.approx(expected, abs=1e-12)


def test_gini_from_even_to_one_item():
    assert beyond.gini(np.arange(12).reshape(4, 3), 12) == pytest.approx(0)
    assert beyond.gini(np.full([5, 1], 7), 12) == pytest.approx(1 - 1 / 12)


def test_novelty_is_mean_self_information(listed, popularity):
    rarest = min(share for share in popularity if share > 0)
    means = [
        sum(-math.log2(popularity[item] or rarest) for item in row) / len(row)
        for row in items_of(listed)
        if row
    ]
    assert beyond.novelty(listed, popularity) == pytest.approx(np.mean(means), abs=1e-12)


def test_serendipity_is_the_unexpected_part_of_precision(listed, popularity):
    relevance = np.random.default_rng(2).integers(0, 2, listed.shape)
    total = 0.0
    for row, right in zip(listed, relevance, strict=True):
        total += sum(r * (1 - popularity[i]) for i, r in zip(row, right, strict=True) if i >= 0)
    found = beyond.serendipity(listed, relevance, popularity)
    assert found == pytest.approx(total / listed.size, abs=1e-12)
    hardly = np.full(ITEMS, 1e-12)
    precision = (relevance * (listed >= 0)).mean()
    assert beyond.serendipity(listed, relevance, hardly) == pytest.approx(precision, abs=1e-9)


def test_diversity_is_the_mean_distance_of_pairs_in_any_block(listed, monkeypatch):
    vectors = np.random.default_rng(3).normal(size=[ITEMS, 5])
    vectors[4] = 0
    assert (listed == 4).any()
    means = []
    for row in items_of(listed):
        pairs = [(a, b) for a in row for b in row if a != b]
        if pairs:
            norms = np.linalg.norm(vectors, axis=1)
            cosines = [
                vectors[a] @ vectors[b] / (norms[a] * norms[b]) if norms[a] * norms[b] else 0.0
                for a, b in pairs
            ]
            means.append(1 - np.mean(cosines))
    expected = pytest.approx(np.mean(means), abs=1e-6)
    assert beyond.intra_list_diversity(listed, vectors) == expected
    monkeypatch.setattr(beyond, "BLOCK_VALUES", 7 * 5 * 6)  # seven users at a time
    assert beyond.intra_list_diversity(listed, vectors) == expected


def test_popularity_bias_compares_with_what_users_met(listed):
    met = np.random.default_rng(4).random([50, ITEMS]) < np.linspace(0.05, 0.9, ITEMS)
    popularity = met.mean(axis=0)
    of_met = [popularity[item] for row in met for item in np.flatnonzero(row)]
    of_lists = [np.mean([popularity[item] for item in row]) for row in items_of(listed) if row]
    expected = np.mean(of_lists) / np.mean(of_met)
    assert beyond.popularity_bias(listed, popularity) == pytest.approx(expected, abs=1e-12)


def test_bad_input_is_named(listed, popularity):
    with pytest.raises(ValueError, match="item row 24, and there are 20 items"):
        beyond.coverage(np.array([[3, 24]]), 20)
    with pytest.raises(ValueError, match=r"whole numbers `\[users, k\]`.* float64 \[1, 2\]"):
        beyond.gini(np.array([[0.0, 1.0]]), 4)
    with pytest.raises(ValueError, match="No list holds an item"):
        beyond.novelty(np.full([2, 3], -1), popularity)
    with pytest.raises(ValueError, match="it goes from 0 to 19: divide counts by the number"):
        beyond.popularity_bias(listed, popularity * 20)
    with pytest.raises(ValueError, match="not 0 for all"):
        beyond.novelty(listed, np.zeros(ITEMS))
    with pytest.raises(ValueError, match=r"they are \[40, 5\] and \[40, 6\]"):
        beyond.serendipity(listed, listed[:, :5], popularity)
    with pytest.raises(ValueError, match="No list has two items"):
        beyond.intra_list_diversity([[1], [2]], np.eye(3))
