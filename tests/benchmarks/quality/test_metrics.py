"""The metrics against their definitions, pair by pair."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.quality import metrics


def test_ties_count_against_the_first_candidate():
    scores = np.array([[2.0, 2.0, 1.0], [5.0, 1.0, 2.0], [0.0, 3.0, 3.0]])
    assert metrics.ranks_of_first(scores).tolist() == [2, 1, 3]
    counts = np.array([[False, False, True], [False, True, True], [False, False, True]])
    assert metrics.ranks_of_first(scores, counts).tolist() == [1, 1, 2]


def test_at_cut():
    values = metrics.at_cut(np.array([1, 3, 11]))
    assert values["HR@10"].tolist() == [1, 1, 0]
    assert values["NDCG@10"] == pytest.approx([1, 1 / math.log2(4), 0])


def test_paired_p_is_that_of_students_t_over_shared_seeds():
    first, second = {1: 0.5, 2: 0.6, 3: 0.8}, {1: 0.4, 2: 0.4, 3: 0.5, 9: 0.0}
    t = 0.2 / (0.1 / math.sqrt(3))  # differences 0.1, 0.2, 0.3
    two_degrees = 1 - t / math.sqrt(2 + t * t)  # the distribution of two degrees in closed form
    assert metrics.paired_p(first, second) == pytest.approx(two_degrees)
    assert metrics.paired_p(first, first) is None
    assert metrics.paired_p(first, {1: 0.1}) is None
