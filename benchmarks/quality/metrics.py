"""Ranks of one right answer among given candidates, and the test that compares two models."""

from __future__ import annotations

import numpy as np
from scipy import stats

from recommenders_tf.metrics import hit_rate, ndcg


def ranks_of_first(scores: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Return the rank, from 1, of the first candidate of each row; ties count against it.

    Args:
        scores: `[questions, candidates]`, the right answer first.
        counts: Bool of that shape: candidates that count; None counts all.
    """
    better = scores[:, 1:] >= scores[:, :1]
    if counts is not None:
        better &= counts[:, 1:]
    return 1 + np.count_nonzero(better, axis=1)


def at_cut(ranks: np.ndarray, k: int = 10) -> dict[str, np.ndarray]:
    """Return HR@k and NDCG@k `[questions]`, of which each has one right answer, at these ranks."""
    relevance, one = ranks[:, np.newaxis] == np.arange(1, k + 1), np.ones(len(ranks))
    formulas = {f"HR@{k}": hit_rate, f"NDCG@{k}": ndcg}
    return {name: np.asarray(formula(relevance, one)) for name, formula in formulas.items()}


def paired_p(first: dict[int, float], second: dict[int, float]) -> float | None:
    """Return the two-sided p of a paired t-test over the seeds that two models share.

    Runs of one seed see the examples in one order, so that they are pairs.

    Args:
        first: Values of a metric by seed.
        second: Likewise, of another model.

    Returns:
        The p-value; None with fewer than two pairs, or without any spread between them.
    """
    shared = sorted(set(first) & set(second))
    differences = np.array([first[seed] - second[seed] for seed in shared])
    if len(shared) < 2 or np.ptp(differences) == 0:
        return None
    return float(stats.ttest_1samp(differences, 0.0).pvalue)
