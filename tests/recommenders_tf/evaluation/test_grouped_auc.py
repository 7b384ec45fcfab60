import numpy as np
import pytest

from recommenders_tf.evaluation import gauc


def naive(labels, scores, groups):
    """Eq. 10, pair by pair; a tie is half a win."""
    total, impressions = 0.0, 0
    for group in np.unique(groups):
        mine = groups == group
        good, bad = scores[mine & (labels == 1)], scores[mine & (labels == 0)]
        if len(good) and len(bad):
            wins = [(g > b) + 0.5 * (g == b) for g in good for b in bad]
            total += mine.sum() * np.mean(wins)
            impressions += mine.sum()
    return total / impressions


def test_equals_the_pairwise_definition_with_ties() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 40, 400)
    labels = random.integers(0, 2, 400) * (groups % 7 > 0)  # groups of one class among them
    scores = random.integers(0, 6, 400) / 5
    expected = naive(labels, scores, groups)
    assert gauc(labels, scores, groups) == pytest.approx(expected, abs=1e-12)
    shuffled = random.permutation(400)
    assert gauc(labels[shuffled], scores[shuffled], groups[shuffled].astype(str)) == pytest.approx(
        expected, abs=1e-12
    )


def test_constant_scores_earn_one_half() -> None:
    assert gauc([1, 0, 0, 1], [0.3] * 4, [1, 1, 2, 2]) == 0.5


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="Received: 2, 1, 2"):
        gauc([1, 0], [0.1], [1, 1])
    with pytest.raises(ValueError, match="No group has both classes"):
        gauc([1, 1], [0.1, 0.2], [1, 2])
