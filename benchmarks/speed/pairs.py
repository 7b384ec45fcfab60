"""Who met what, in numbers that every contender understands: the data of the matrix models."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pandas as pd
from scipy import sparse

K = 10
"""Length of the lists."""


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Training and held-out pairs; runs in the environments of peers too.

    Args:
        train: Codes of user and item, int32 `[pairs, 2]`.
        test: Likewise, held out.
        shape: Number of users and items.
    """

    train: np.ndarray
    test: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, dataset: str) -> Pairs:
        """Return a data set by name, of each user's events a fifth held out at random.

        Its users and items are those of the training part.
        """
        from recommenders_tf import data

        log = data.load(dataset)
        parts = [part.events for part in log.split("random", test_share=0.2)]
        names = (log.schema.user_id.name, log.schema.item_id.name)
        ids = {name: pd.Index(parts[0][name].unique()) for name in names}
        train, test = (
            np.stack([ids[name].get_indexer(part[name]) for name in names], axis=1)
            for part in parts
        )
        known = test[(test >= 0).all(axis=1)]
        users, items = (len(index) for index in ids.values())
        return cls(train.astype(np.int32), known.astype(np.int32), (users, items))

    def save(self, path: pathlib.Path) -> None:
        """Write them where other processes find them."""
        np.savez(path, train=self.train, test=self.test, shape=self.shape)

    @classmethod
    def read(cls, path: str) -> Pairs:
        """Return what `save` wrote."""
        with np.load(path) as arrays:
            users, items = arrays["shape"].tolist()
            return cls(arrays["train"], arrays["test"], (users, items))

    def matrix(self) -> sparse.csr_matrix:
        """Return the training pairs as ones, float32 `[users, items]`."""
        ones = np.ones(len(self.train), np.float32)
        return sparse.csr_matrix((ones, (self.train[:, 0], self.train[:, 1])), shape=self.shape)

    def ndcg(self, lists: np.ndarray) -> float:
        """Return NDCG of lists of unseen items, the mean over users with held-out items.

        Args:
            lists: Items of every user, best first, -1 where there are no more `[users, K]`.
        """
        held_out = sparse.csr_matrix(
            (np.ones(len(self.test), bool), (self.test[:, 0], self.test[:, 1])), shape=self.shape
        )
        rows = np.repeat(np.arange(len(lists)), K)
        hits = np.asarray(held_out[rows, np.maximum(lists, 0).ravel()]).reshape(lists.shape)
        discounts = 1 / np.log2(np.arange(2, K + 2))
        counts = np.minimum(np.diff(held_out.indptr), K)
        asked = counts > 0
        best = np.cumsum(discounts)[counts[asked] - 1]
        return float(np.mean(((hits & (lists >= 0)) @ discounts)[asked] / best))


def shared(first: np.ndarray, second: np.ndarray) -> float:
    """Return the share of the items of one set of lists that the other set has too.

    Example:
        >>> shared(np.array([[1, 2]]), np.array([[2, 3]]))
        0.5
    """
    both = (first[:, :, np.newaxis] == second[:, np.newaxis]) & (first >= 0)[:, :, np.newaxis]
    return float(both.sum() / max(1, (first >= 0).sum()))


def best_unseen(scores: np.ndarray, seen: sparse.csr_matrix) -> np.ndarray:
    """Return the K best items of every user that the user has not met; changes the scores.

    Args:
        scores: Float `[users, items]`.
        seen: What they have met `[users, items]`.
    """
    scores[seen.nonzero()] = -np.inf
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)
