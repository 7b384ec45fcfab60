import numpy as np
import pytest
from scipy import stats

from recommenders_tf.evaluation import (
    bootstrap_interval,
    holm,
    paired_t,
    randomization_test,
    significance,
)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(400):
        low, high = bootstrap_interval(random.exponential(size=120), samples=400, seed=trial)
        covered += bool(low <= 1.0 <= high)
    assert 0.91 < covered / 400 < 0.98


def test_the_interval_of_several_metrics_is_that_of_each(monkeypatch) -> None:
    values = np.random.default_rng(1).random((50, 3))
    low, high = bootstrap_interval(values, confidence=0.9, samples=300)
    monkeypatch.setattr(significance, "_BLOCK_VALUES", 500)  # the draws do not depend on blocks
    for column in range(3):
        one = bootstrap_interval(values[:, column], confidence=0.9, samples=300)
        assert (low[column], high[column]) == pytest.approx(one)
    wider_low, wider_high = bootstrap_interval(values, confidence=0.99, samples=300)
    assert (wider_low < low).all() and (wider_high > high).all()


def test_the_interval_narrows_as_the_standard_error_does() -> None:
    values = np.random.default_rng(2).normal(size=400)
    low, high = bootstrap_interval(values, samples=4000)
    expected = 2 * 1.96 * values.std() / np.sqrt(400)
    assert high - low == pytest.approx(expected, rel=0.06)


def test_paired_t_is_scipys() -> None:
    random = np.random.default_rng(3)
    first, second = random.random(40), random.random(40)
    assert paired_t(first, second) == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert paired_t([1.0, 2.0], [1.0, 2.0]) == 1.0
    assert paired_t([2.0, 3.0], [1.0, 2.0]) == 0.0


def test_the_randomization_test_against_all_exchanges() -> None:
    random = np.random.default_rng(4)
    differences = np.round(random.normal(0.4, 1.0, 10), 2)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1).T
    exact = np.mean(np.abs(signs @ differences) >= np.abs(differences.sum()) - 1e-9)
    found = randomization_test(differences, np.zeros(10), samples=40_000)
    assert found == pytest.approx(exact, abs=0.01)
    assert randomization_test(differences, np.zeros(10)) == randomization_test(
        np.zeros(10), differences
    )


def test_the_randomization_test_finds_a_difference_rarely_where_there_is_none() -> None:
    random = np.random.default_rng(5)
    rejected = sum(
        randomization_test(random.random(60), random.random(60), samples=400) < 0.05
        for _ in range(300)
    )
    assert 0.02 < rejected / 300 < 0.09


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, which may not fall.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="There are no users to draw from"):
        bootstrap_interval([])
    with pytest.raises(ValueError, match="`confidence` must lie between 0 and 1"):
        bootstrap_interval([1.0], confidence=95)
    with pytest.raises(ValueError, match="Received: 2 and 3"):
        paired_t([1.0, 2.0], [1.0, 2.0, 3.0])
