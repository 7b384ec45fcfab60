"""How sure a mean over users is, and whether two models differ by more than chance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import stats

_BLOCK_VALUES = 2**24

Floats = npt.NDArray[np.float64]


def bootstrap_interval(
    values: npt.ArrayLike, confidence: float = 0.95, samples: int = 1000, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return the percentile interval of a mean over users, drawn again with replacement.

    Args:
        values: One row a user, one column a metric `[users]` or `[users, metrics]`.
        confidence: Share of the draws whose mean is to lie between the bounds.
        samples: Number of draws.
        seed: Of the draws, which are the same for all metrics.

    Returns:
        Lower and upper bounds, float64 `[]` or `[metrics]`.

    Raises:
        ValueError: There is no user, or `confidence` is not between 0 and 1.

    Example:
        >>> low, high = bootstrap_interval(np.arange(100.0))
        >>> bool(40 < low < 49.5 < high < 60)
        True

    References:
        Efron, Tibshirani: An Introduction to the Bootstrap, 1993, section 13.3.
    """
    users = _users(values)
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1. Received: {confidence}.")
    random, count = np.random.default_rng(seed), len(users)
    means = [
        np.take(users, random.integers(count, size=(size, count)), axis=0).mean(axis=1)
        for size in _blocks(samples, users.size)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail], axis=0)
    return low, high


def paired_t(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the two-sided p of the paired t-test that two models are alike on the same users.

    Args:
        first: Values of a metric by user `[users]`.
        second: Those of another model, of the same users in the same order `[users]`.

    Raises:
        ValueError: The lengths differ, or there are fewer than two users.

    Example:
        >>> paired_t([1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 2.5, 3.0])
        0.0138
    """
    differences = _differences(first, second)
    if not np.ptp(differences):
        return 0.0 if differences[0] else 1.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def randomization_test(
    first: npt.ArrayLike, second: npt.ArrayLike, samples: int = 10_000, seed: int = 0
) -> float:
    """Return the two-sided p of the randomization test that two models are alike on the same users.

    If they are, each user's pair of values could as well be the other way round: p is the share of
    random exchanges whose mean difference is at least as far from 0 as the one that was found,
    which itself counts as one of them.

    Args:
        first: Values of a metric by user `[users]`.
        second: Those of another model, of the same users in the same order `[users]`.
        samples: Random exchanges.
        seed: Of them.

    Raises:
        ValueError: The lengths differ, or there are fewer than two users.

    Example:
        >>> randomization_test([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0])
        1.0

    References:
        Smucker, Allan, Carterette: A Comparison of Statistical Significance Tests for Information
        Retrieval Evaluation, CIKM 2007.
    """
    differences = _differences(first, second)
    random, count = np.random.default_rng(seed), len(differences)
    # Rounding must not tell apart exchanges that give the same sum.
    least = np.abs(differences.sum()) - 1e-9 * np.abs(differences).sum()
    as_far = 1
    for size in _blocks(samples, count):
        kept = random.integers(0, 2, size=(size, count), dtype=np.int8)
        sums = 2 * (kept @ differences) - differences.sum()
        as_far += int(np.count_nonzero(np.abs(sums) >= least))
    return as_far / (samples + 1)


def holm(p_values: npt.ArrayLike) -> Floats:
    """Return p-values corrected for there being several: any rejection is wrong with at most p.

    In rising order the i-th of m is multiplied by m − i + 1, and none becomes smaller than the one
    before it.

    Args:
        p_values: Of several tests `[tests]`.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]

    References:
        Holm: A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
        Statistics 1979.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values)
    factors = len(values) - np.arange(len(values))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return corrected


def _users(values: npt.ArrayLike) -> Floats:
    users = np.asarray(values, np.float64)
    if not len(users):
        raise ValueError("There are no users to draw from; give the value of at least one.")
    return users


def _differences(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or len(one) < 2:
        raise ValueError(
            "A paired test needs two values of each of the same users, at least two. Received: "
            f"{len(one)} and {len(other)}."
        )
    return one - other


def _blocks(samples: int, values: int) -> Iterator[int]:
    """Yield how many draws of so many values to make at a time, so that memory stays bounded."""
    step = max(1, _BLOCK_VALUES // max(values, 1))
    for start in range(0, samples, step):
        yield min(step, samples - start)
