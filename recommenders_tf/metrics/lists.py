"""Metrics of recommendations beyond accuracy: how much of the catalogue, how known, how alike.

All read `lists`, item rows from 0, −1 where a list is short. `popularity` is the share of users who
met each item. Memory is that of the lists, never users × items.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BLOCK_VALUES = 2**22
"""Numbers of item vectors that are gathered at a time."""


def coverage(lists: npt.ArrayLike, num_items: int) -> float:
    """Return the share of the catalogue that is in somebody's list.

    Args:
        lists: Item rows, −1 for none `[users, k]`.
        num_items: Items of the catalogue.

    Raises:
        ValueError: A row is not in the catalogue, or no list holds an item.

    Example:
        >>> coverage([[0, 1], [1, -1]], num_items=4)
        0.5
    """
    return float(np.count_nonzero(_times_recommended(lists, num_items)) / num_items)


def gini(lists: npt.ArrayLike, num_items: int) -> float:
    """Return how unevenly the catalogue is recommended: Σ (2 i − n − 1) xᵢ / (n Σ xᵢ).

    xᵢ is how often the i-th least recommended of all n items is. 0 if all are recommended equally
    often, 1 − 1 / n if a single one is.

    Args:
        lists: Item rows, −1 for none `[users, k]`.
        num_items: Items of the catalogue, n.

    Raises:
        ValueError: A row is not in the catalogue, or no list holds an item.

    Example:
        >>> gini([[0, 1], [2, 3]], num_items=4), gini([[0], [0]], num_items=4)
        (0.0, 0.75)
    """
    times = np.sort(_times_recommended(lists, num_items)).astype(np.float64)
    weights = 2 * np.arange(1, num_items + 1) - num_items - 1
    return float(weights @ times / (num_items * times.sum()))


def novelty(lists: npt.ArrayLike, popularity: npt.ArrayLike) -> float:
    """Return the mean self-information of what is recommended: −log2 p(i), in bits.

    p(i) is the share of users who met the item; one that nobody met counts as the rarest of those
    that somebody did. The mean is taken over each list, then over users.

    Args:
        lists: Item rows, −1 for none `[users, k]`.
        popularity: Share of users who met each item `[items]`.

    Raises:
        ValueError: A row is not in the catalogue, no list holds an item, or shares are not such.

    Example:
        >>> novelty([[0, 1]], [0.5, 0.25])
        1.5

    References:
        Zhou et al.: Solving the apparent diversity-accuracy dilemma of recommender systems, PNAS
        2010.
    """
    shares = _shares(popularity)
    information = -np.log2(np.maximum(shares, shares[shares > 0].min()))
    return _mean_of_lists(lists, information)


def serendipity(lists: npt.ArrayLike, relevance: npt.ArrayLike, popularity: npt.ArrayLike) -> float:
    """Return how much of the lists is both right and unexpected: Σ relᵣ (1 − p(iᵣ)) / k.

    An item is as unexpected as there are users who have not met it. This is the expected popularity
    complement of Vargas and Castells with relevance and without a discount of ranks; where nobody
    met anything it is the precision. Means are over all users.

    Args:
        lists: Item rows, −1 for none `[users, k]`.
        relevance: 1 where the item at that rank is relevant, else 0 `[users, k]`.
        popularity: Share of users who met each item, p `[items]`.

    Raises:
        ValueError: A row is not in the catalogue, no list holds an item, the shapes differ, or
            shares are not such.

    Example:
        >>> serendipity([[0, 1]], [[1, 1]], [0.75, 0.25])
        0.5

    References:
        Vargas, Castells: Rank and Relevance in Novelty and Diversity Metrics for Recommender
        Systems, RecSys 2011.
    """
    shares, right = _shares(popularity), np.asarray(relevance, np.float64)
    rows, kept = _rows(lists, len(shares))
    if right.shape != rows.shape:
        raise ValueError(
            "`relevance` must say of every item of `lists` whether it is right; they are "
            f"{list(right.shape)} and {list(rows.shape)}."
        )
    return float(np.mean(np.where(kept, right * (1 - shares[rows]), 0.0)))


def intra_list_diversity(lists: npt.ArrayLike, vectors: npt.ArrayLike) -> float:
    """Return the mean cosine distance of the pairs of items of a list, the mean over users.

    Lists of fewer than two items have no pairs and are left out. A vector of zeros is at distance 1
    from all.

    Args:
        lists: Item rows, −1 for none `[users, k]`.
        vectors: What items are like, such as categories or embeddings `[items, dim]`.

    Raises:
        ValueError: A row is not in the catalogue, or no list has two items.

    Example:
        >>> intra_list_diversity([[0, 1, 2]], [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
        0.6666667

    References:
        Ziegler et al.: Improving Recommendation Lists Through Topic Diversification, WWW 2005.
    """
    values = np.asarray(vectors, np.float32)
    rows, kept = _rows(lists, len(values))
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    units = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
    lengths = kept.sum(axis=1)
    rows, kept, lengths = (part[lengths > 1] for part in (rows, kept, lengths))
    if not len(rows):
        raise ValueError("No list has two items, so there are no pairs; give lists with k above 1.")
    step = max(1, BLOCK_VALUES // (rows.shape[1] * values.shape[1]))
    alike = np.empty(len(rows))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        listed = units[rows[block]] * kept[block, :, np.newaxis]
        # The square of a sum is that of all pairs, and of each vector with itself.
        together = np.square(listed.sum(axis=1)).sum(axis=1)
        alike[block] = together - np.square(listed).sum(axis=(1, 2))
    return float(np.mean(1 - alike / (lengths * (lengths - 1))))


def popularity_bias(lists: npt.ArrayLike, popularity: npt.ArrayLike) -> float:
    """Return the average popularity of what is recommended over that of what users met.

    The first is the mean of p(i) over each list, then over users (ARP). The second is the mean over
    all pairs of a user and an item that the user met, Σ p² / Σ p. Above 1 a model recommends more
    popular items than people choose.

    Args:
        lists: Item rows, −1 for none `[users, k]`.
        popularity: Share of users who met each item, p `[items]`.

    Raises:
        ValueError: A row is not in the catalogue, no list holds an item, or shares are not such.

    Example:
        >>> popularity_bias([[0], [0]], [0.75, 0.25])
        1.2

    References:
        Abdollahpouri et al.: The Unfairness of Popularity Bias in Recommendation, 2019,
        arXiv:1907.13286. Its ΔGAP averages what users met by user first, and is this less 1.
    """
    shares = _shares(popularity)
    return _mean_of_lists(lists, shares) * float(shares.sum() / np.square(shares).sum())


def _mean_of_lists(lists: npt.ArrayLike, values: np.ndarray) -> float:
    """Return the mean of the items' values over each list, then over lists that hold an item."""
    rows, kept = _rows(lists, len(values))
    sums, lengths = np.where(kept, values[rows], 0.0).sum(axis=1), kept.sum(axis=1)
    return float(np.mean(sums[lengths > 0] / lengths[lengths > 0]))


def _times_recommended(lists: npt.ArrayLike, num_items: int) -> np.ndarray:
    rows, kept = _rows(lists, num_items)
    return np.bincount(rows[kept], minlength=num_items)


def _rows(lists: npt.ArrayLike, num_items: int) -> tuple[np.ndarray, np.ndarray]:
    """Return item rows, 0 where there is none, and where there is one.

    Raises:
        ValueError: They are not rows of the catalogue, or there is none at all.
    """
    rows = np.asarray(lists)
    if rows.ndim != 2 or rows.dtype.kind not in "iu":
        raise ValueError(
            "`lists` must be whole numbers `[users, k]`, the rows of items; it is "
            f"{rows.dtype} {list(rows.shape)}."
        )
    kept = rows >= 0
    if not kept.any():
        raise ValueError("No list holds an item, so there is nothing to measure; give some.")
    if rows.max() >= num_items:
        raise ValueError(
            f"`lists` has the item row {rows.max()}, and there are {num_items} items: rows count "
            "from 0, and every item needs one."
        )
    return np.where(kept, rows, 0), kept


def _shares(popularity: npt.ArrayLike) -> np.ndarray:
    """Return the popularity of items in float64.

    Raises:
        ValueError: A value is no share, or nobody met anything.
    """
    shares = np.asarray(popularity, np.float64)
    if not ((shares >= 0) & (shares <= 1)).all() or not shares.any():
        raise ValueError(
            "`popularity` must be the share of users who met each item, between 0 and 1 and not 0 "
            f"for all; it goes from {shares.min():g} to {shares.max():g}: divide counts by the "
            "number of users."
        )
    return shares
