"""Metrics of scores, and the test that compares two models: NumPy on whole arrays."""

from __future__ import annotations

import numpy as np
from scipy import stats


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the share of pairs of a positive and a negative that the scores order rightly.

    Exact, with ties as half: the sums of ranks of Mann and Whitney. The AUC of Keras counts on 200
    thresholds, which is too coarse for models that differ in the fourth decimal.

    Args:
        labels: 0 or 1, `[rows]`.
        scores: Of any scale, `[rows]`.
    """
    positive = labels > 0.5
    positives, negatives = np.count_nonzero(positive), np.count_nonzero(~positive)
    ranks = stats.rankdata(scores)[positive].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Return the mean logistic loss of logits, `[rows]`."""
    logits = logits.astype(np.float64)
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


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


def at_cut(ranks: np.ndarray, k: int = 10) -> dict[str, float]:
    """Return HR@k and NDCG@k where every question has one right answer, at these ranks."""
    hit = ranks <= k
    ndcg = np.where(hit, 1 / np.log2(1 + ranks), 0.0)
    return {f"HR@{k}": float(hit.mean()), f"NDCG@{k}": float(ndcg.mean())}


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
