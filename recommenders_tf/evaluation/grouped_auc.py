"""How well each user's own items are ordered: AUC by user."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def gauc(labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Return the AUC of each group, averaged by its number of impressions: Σ nᵢ AUCᵢ / Σ nᵢ.

    Equal scores count one half. Groups with one class only have no AUC and are left out.

    Args:
        labels: 0 or 1 `[impressions]`.
        scores: Higher for what is likelier to be 1 `[impressions]`.
        groups: Whose impression it is, usually the user `[impressions]`.

    Raises:
        ValueError: The lengths differ, or no group has both classes.

    Example:
        >>> gauc([1, 0, 0, 1, 0], [0.9, 0.1, 0.7, 0.2, 0.4], ["a", "a", "a", "b", "b"])
        0.6

    References:
        Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018,
        arXiv:1706.06978, equation 10.
    """
    positive, values = np.asarray(labels) > 0, np.asarray(scores, np.float64)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    if not len(positive) == len(values) == len(codes):
        raise ValueError(
            "Each impression has a label, a score and a group. Received: "
            f"{len(positive)}, {len(values)}, {len(codes)}."
        )
    order = np.lexsort((values, codes))
    positive, values, codes = positive[order], values[order], codes[order]
    changes = np.ones(len(codes), bool)
    changes[1:] = (values[1:] != values[:-1]) | (codes[1:] != codes[:-1])
    first = np.flatnonzero(changes)
    ties = np.diff(first, append=len(codes))
    middle = np.repeat(first + (ties - 1) / 2, ties)
    counts = np.bincount(codes)
    positives = np.bincount(codes, positive)
    starts = np.cumsum(counts) - counts
    # Ranks within the group, from 0: those of its positives sum to U + P (P - 1) / 2.
    ranks = np.bincount(codes, positive * (middle - starts[codes]))
    pairs = positives * (counts - positives)
    kept = pairs > 0
    if not kept.any():
        raise ValueError("No group has both classes, so none has an AUC; give more impressions.")
    wins = ranks[kept] - positives[kept] * (positives[kept] - 1) / 2
    return float(np.average(wins / pairs[kept], weights=counts[kept]))
