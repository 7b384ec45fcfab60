"""An index of FAISS: inverted lists, graphs, and what else its factory makes."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np

from recommenders_tf.index.library_index import LibraryIndex, library

_FILE = "index.faiss"


@dataclasses.dataclass(frozen=True)
class FaissConfig:
    """Settings of an index of FAISS.

    Args:
        factory: What FAISS builds, in the words of its `index_factory`: `HNSW32`, `IVF1024,Flat`,
            `IVF1024,PQ16`.
        effort: Lists that a query looks into (`nprobe`), or items that it keeps in view in a graph
            (`efSearch`).

    Raises:
        ValueError: `effort` is below 1.

    Example:
        >>> FaissConfig("IVF1024,Flat", effort=16).effort
        16
    """

    factory: str = "HNSW32"
    effort: int = 64

    def __post_init__(self) -> None:
        if self.effort < 1:
            raise ValueError(f"`effort` must be at least 1; it is {self.effort}.")


class FaissIndex(LibraryIndex):
    """Searches with FAISS; for offline use, since its code is no part of a SavedModel.

    Args:
        vectors: See `TopKIndex`.
        ids: Likewise.
        attributes: Likewise.
        config: `FaissConfig`.

    Raises:
        ImportError: FAISS is not installed.

    Example:
        >>> vectors = np.random.default_rng(0).standard_normal([500, 8]).astype(np.float32)
        >>> vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        >>> index = FaissIndex(vectors, np.arange(500), config=FaissConfig("IVF8,Flat", effort=8))
        >>> index.search(vectors[:1], k=1)[1].tolist()
        [[0]]

    References:
        Douze et al.: The Faiss Library, 2024.
    """

    kind = "faiss"
    config_class = FaissConfig
    config: FaissConfig

    def is_exact(self) -> bool:
        """Return whether it is a flat index."""
        return self.config.factory == "Flat"

    def _made(self, vectors: np.ndarray) -> Any:
        faiss = library("faiss", "faiss-cpu", self.kind)
        try:
            index = faiss.index_factory(self.dim, self.config.factory, faiss.METRIC_INNER_PRODUCT)
        except RuntimeError as error:
            raise ValueError(
                f"`factory` is {self.config.factory!r}, which FAISS does not know: give what its "
                "`index_factory` takes, such as 'HNSW32' or 'IVF1024,Flat'."
            ) from error
        index.train(vectors)
        index.add(vectors)
        return self._tuned(index)

    def _tuned(self, index: Any, effort: int | None = None) -> Any:
        faiss = library("faiss", "faiss-cpu", self.kind)
        for part, name in (("HNSW", "efSearch"), ("IVF", "nprobe")):
            if part in self.config.factory:
                effort = effort or self.config.effort
                faiss.ParameterSpace().set_index_parameter(index, name, effort)
                break
        return index

    def _append(self, vectors: np.ndarray) -> None:
        self._vectors = np.concatenate([self._vectors, vectors])
        self._index.add(vectors)

    def _keep(self, kept: np.ndarray) -> None:
        # A graph cannot lose items, and lists would keep the old numbers: what was trained stays.
        self._vectors = self._vectors[kept]
        self._index.reset()
        self._index.add(self._vectors)

    def _nearest(self, queries: np.ndarray, number: int) -> np.ndarray:
        # A graph finds no more than it keeps in view.
        effort = max(number, self.config.effort) if "HNSW" in self.config.factory else None
        return self._tuned(self._index, effort).search(queries, number)[1]

    def _write(self, folder: pathlib.Path) -> None:
        super()._write(folder)
        library("faiss", "faiss-cpu", self.kind).write_index(self._index, str(folder / _FILE))

    def _read(self, folder: pathlib.Path) -> None:
        super()._read(folder)
        faiss = library("faiss", "faiss-cpu", self.kind)
        self._index = self._tuned(faiss.read_index(str(folder / _FILE)))
