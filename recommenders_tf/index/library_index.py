"""What indexes of other libraries share: filters that keep the answer full, and the files."""

from __future__ import annotations

import abc
import importlib
import pathlib
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from recommenders_tf.index.exact import EXCLUDED_SCORE, exact_top_k, hide, rows_at_once
from recommenders_tf.index.top_k_index import TopKIndex

_VECTORS = "vectors.npy"
_SPARE = 2
"""How many times what the filters are expected to need is asked for."""
_MOST_ASKED = 1 / 20
"""Share of the items from which on scoring all is cheaper than asking for as many."""


class LibraryIndex(TopKIndex):
    """An index of a library that knows no filters of a query, and is no part of a graph.

    It is asked for more items where there are filters. A query that still lacks some is answered
    from the vectors themselves, which are kept for that.
    """

    def _build(self, vectors: np.ndarray) -> None:
        self._vectors = vectors
        self._index = self._made(vectors)

    @abc.abstractmethod
    def _made(self, vectors: np.ndarray) -> Any:
        """Return the index of the library over vectors."""

    @abc.abstractmethod
    def _nearest(self, queries: np.ndarray, number: int) -> np.ndarray:
        """Return rows of good items, int `[queries, number]`, -1 where it finds no more."""

    def _append(self, vectors: np.ndarray) -> None:
        self._build(np.concatenate([self._vectors, vectors]))

    def _keep(self, kept: np.ndarray) -> None:
        self._vectors = self._vectors[kept]
        self._index = self._made(self._vectors) if len(self._vectors) else None

    def _search(
        self, queries: tf.Tensor, k: int, excluded: tf.RaggedTensor, allowed: np.ndarray | None
    ) -> tuple[Any, Any]:
        queries = queries.numpy()
        hidden = excluded.value_rowids().numpy(), excluded.flat_values.numpy()
        most = k + int(np.max(excluded.row_lengths(), initial=0))
        if allowed is not None:
            most = int(_SPARE * most / max(allowed.mean(), 1e-9))
        if most > _MOST_ASKED * len(self):
            return self._among_all(queries, k, hidden, allowed)
        rows = self._nearest(queries, most)
        out = rows < 0
        rows = np.maximum(rows, 0)
        if allowed is not None:
            out |= ~allowed[rows]
        # Query and row as one number, so that all pairs are looked up at once.
        pairs = np.arange(len(queries))[:, np.newaxis] * len(self) + rows
        out |= np.isin(pairs, hidden[0] * len(self) + hidden[1])
        scores = np.einsum("qd,qnd->qn", queries, self._vectors[rows])
        best, columns = exact_top_k(tf.constant(scores), tf.constant(~out), k)
        best, found = best.numpy(), np.take_along_axis(rows, columns.numpy(), axis=1)
        short = np.flatnonzero(np.isneginf(best[:, -1]))
        if len(short):
            own = np.isin(hidden[0], short)
            pairs = np.searchsorted(short, hidden[0][own]), hidden[1][own]
            best[short], found[short] = self._among_all(queries[short], k, pairs, allowed)
        return best, found

    def _among_all(
        self,
        queries: np.ndarray,
        k: int,
        hidden: tuple[np.ndarray, np.ndarray],
        allowed: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the best of all items, scored one by one."""
        best = np.full((len(queries), k), EXCLUDED_SCORE, np.float32)
        rows = np.zeros((len(queries), k), np.int64)
        step = rows_at_once(len(self))
        for start in range(0, len(queries), step):
            block = slice(start, start + step)
            own = (hidden[0] >= start) & (hidden[0] < start + step)
            scores = tf.constant(queries[block] @ self._vectors.T)
            scores = hide(scores, hidden[0][own] - start, hidden[1][own])
            mask = None if allowed is None else tf.constant(allowed)
            best[block], rows[block] = exact_top_k(scores, mask, k)
        return best, rows

    def _write(self, folder: pathlib.Path) -> None:
        np.save(folder / _VECTORS, self._vectors)

    def _read(self, folder: pathlib.Path) -> None:
        self._vectors = np.load(folder / _VECTORS)


def library(name: str, package: str, kind: str) -> ModuleType:
    """Return a library that the plain install lacks.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"An index of kind `{kind}` needs {package}: pip install 'recommenders-tf[ann]'."
        ) from error
