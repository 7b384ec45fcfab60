"""Vectors in clusters, as item embeddings lie, and queries held out from them."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from benchmarks.records import ROOT

K = 10
_ITEMS_A_CLUSTER = 250
_SPREAD = 0.7
"""Of a cluster, beside that of the centers."""


@dataclasses.dataclass(frozen=True)
class Planted:
    """A catalogue and its queries, made from a seed; runs in the environments of peers too.

    Centers are normal, with a standard deviation that falls over the dimensions as i^(-1/4), as the
    spectrum of learned embeddings does. A cluster is drawn in proportion to 1 / its rank^(1/2), so
    that large and small ones differ; a vector is its center and 0.7 times another draw of the same
    kind. Queries are drawn likewise, and are no items.

    Args:
        items: How many vectors.
        dim: Their width.
        queries: How many queries.
        seed: Of the draws.
    """

    items: int = 1_000_000
    dim: int = 64
    queries: int = 2048
    seed: int = 0

    @property
    def folder(self) -> pathlib.Path:
        """Where the vectors and the indexes over them are kept."""
        return ROOT / "runs" / "retrieval" / f"{self.items}x{self.dim}-{self.seed}"

    def make(self) -> None:
        """Write vectors, queries and true neighbours, unless they are there."""
        if (self.folder / "truth.npy").exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(self.seed)
        scale = (1 + np.arange(self.dim, dtype=np.float32)) ** -0.25
        clusters = max(1, self.items // _ITEMS_A_CLUSTER)
        centers = random.standard_normal((clusters, self.dim), np.float32) * scale
        weights = (1 + np.arange(clusters)) ** -0.5

        def draw(number: int) -> np.ndarray:
            own = random.choice(clusters, number, p=weights / weights.sum())
            noise = random.standard_normal((number, self.dim), np.float32)
            return centers[own] + _SPREAD * scale * noise

        vectors, queries = draw(self.items), draw(self.queries)
        np.save(self.folder / "vectors.npy", vectors)
        np.save(self.folder / "queries.npy", queries)
        truth = [
            _best(vectors, queries[start : start + 64]) for start in range(0, len(queries), 64)
        ]
        np.save(self.folder / "truth.npy", np.concatenate(truth))

    def read(self, name: str) -> np.ndarray:
        """Return `vectors`, `queries` or `truth`, the K best rows of each query."""
        return np.load(self.folder / f"{name}.npy")


def _best(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return the K rows with the greatest inner products; their order is of no account."""
    return np.argpartition(-(queries @ vectors.T), K, axis=1)[:, :K]
