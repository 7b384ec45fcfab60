"""Metrics of labelled rows against their definitions and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from recommenders_tf.metrics import auc, calibration_error, gauc, log_loss, mae, rmse


def share_of_pairs(labels, scores):
    """The AUC pair by pair; a tie is half a win."""
    good, bad = scores[labels == 1], scores[labels == 0]
    return np.mean([(g > b) + 0.5 * (g == b) for g in good for b in bad])


def test_auc_counts_pairs_and_halves_ties():
    random = np.random.default_rng(1)
    labels, scores = random.integers(0, 2, 200), random.integers(0, 9, 200) / 4
    assert auc(labels, scores) == pytest.approx(share_of_pairs(labels, scores), abs=1e-12)
    assert auc(labels, scores) == pytest.approx(
        sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12
    )
    assert auc(labels, np.zeros(200)) == 0.5


def test_gauc_weighs_the_auc_of_each_group_by_its_rows():
    random = np.random.default_rng(0)
    groups = random.integers(0, 40, 400)
    labels = random.integers(0, 2, 400) * (groups % 7 > 0)  # groups of one class among them
    scores = random.integers(0, 6, 400) / 5
    total = rows = 0
    for group in np.unique(groups):
        own = groups == group
        if 0 < labels[own].sum() < own.sum():
            total += own.sum() * share_of_pairs(labels[own], scores[own])
            rows += own.sum()
    assert rows < 400
    assert gauc(labels, scores, groups) == pytest.approx(total / rows, abs=1e-12)
    shuffled = random.permutation(400)
    again = gauc(labels[shuffled], scores[shuffled], groups[shuffled].astype(str))
    assert again == pytest.approx(total / rows, abs=1e-12)


def test_log_loss_of_probabilities_and_of_far_logits():
    random = np.random.default_rng(2)
    labels, logits = random.integers(0, 2, 50), random.normal(0, 3, 50)
    expected = sklearn_metrics.log_loss(labels, 1 / (1 + np.exp(-logits)))
    assert log_loss(labels, logits) == pytest.approx(expected, abs=1e-12)
    assert log_loss([0], [800.0]) == pytest.approx(800.0)


def test_calibration_error_is_that_of_bins_open_to_the_left():
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 300)
    probabilities = np.concatenate([random.random(290), [0, 0.25, 0.25, 0.5, 0.75, 1, 1, 1, 0, 0]])
    for bins in (1, 4, 10):
        expected = 0.0
        for m in range(1, bins + 1):
            inside = (probabilities > (m - 1) / bins) & (probabilities <= m / bins)
            inside |= (m == 1) & (probabilities == 0)
            gap = abs(labels[inside].mean() - probabilities[inside].mean())
            expected += inside.mean() * gap
        assert calibration_error(labels, probabilities, bins) == pytest.approx(expected, abs=1e-12)


def test_calibrated_probabilities_have_next_to_no_error():
    random = np.random.default_rng(4)
    probabilities = random.random(200_000)
    labels = random.random(200_000) < probabilities
    assert calibration_error(labels, probabilities) < 0.006
    assert calibration_error(labels, probabilities**2) > 0.1


def test_errors_of_ratings():
    targets, predictions = [1.0, 4.0, 5.0], [2.0, 4.0, 3.0]
    assert rmse(targets, predictions) == pytest.approx(math.sqrt(5 / 3))
    assert mae(targets, predictions) == pytest.approx(1.0)


def test_a_model_that_has_diverged_has_no_figure():
    labels, broken = [1, 0, 1], [0.5, np.nan, 0.7]
    values = [auc(labels, broken), gauc(labels, broken, [1, 1, 1]), log_loss(labels, broken)]
    values += [calibration_error(labels, broken), rmse(labels, broken), mae(labels, broken)]
    assert np.isnan(values).all()


def test_bad_input_is_named():
    with pytest.raises(
        ValueError, match=r"`labels` is \[2\], `scores` is \[1\], `groups` is \[2\]"
    ):
        gauc([1, 0], [0.1], [1, 1])
    with pytest.raises(ValueError, match=r"at least one row: `targets` is \[0\]"):
        rmse([], [])
    with pytest.raises(ValueError, match=r"`scores` is \[2, 1\]"):
        auc([1, 0], [[0.2], [0.1]])
    with pytest.raises(ValueError, match="No group has both classes"):
        gauc([1, 1], [0.1, 0.2], [1, 2])
    with pytest.raises(ValueError, match="All 2 labels are of one class"):
        auc([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"there is 3.5: take the sigmoid"):
        calibration_error([1, 0], [3.5, 0.2])
    with pytest.raises(ValueError, match="`bins` must be at least 1; it is 0"):
        calibration_error([1, 0], [0.5, 0.2], bins=0)
