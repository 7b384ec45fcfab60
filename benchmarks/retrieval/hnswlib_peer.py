"""hnswlib; runs in an environment of its own."""

from __future__ import annotations

import importlib.metadata
import os
from typing import Any

import hnswlib
import numpy as np

from benchmarks.retrieval.planted import K
from benchmarks.retrieval.session import Session


def start(**settings: Any) -> Session:
    return Hnswlib(**settings)


class Hnswlib(Session):
    """A graph; `build` has its `links` and `effort`."""

    def ready(self, build: dict[str, Any]) -> None:
        """Build the index, or read one that was built before."""
        path = self.planted.folder / f"hnswlib-{build['links']}-{build['effort']}.bin"
        self._index = hnswlib.Index(space="ip", dim=self.planted.dim)
        if path.exists():
            self._index.load_index(str(path))
        else:
            self._index.init_index(
                self.planted.items, M=build["links"], ef_construction=build["effort"]
            )
            self._index.add_items(self.planted.read("vectors"))
            self._index.save_index(str(path))
        self._index.set_num_threads(len(os.sched_getaffinity(0)))

    def tune(self, setting: int) -> None:
        """Set how much of the index a query looks at."""
        self._index.set_ef(max(K, setting))

    def search(self, queries: np.ndarray) -> np.ndarray:
        """Return the rows of the K best."""
        return self._index.knn_query(queries, k=K)[0]

    def version(self) -> str:
        """Return name and version."""
        return f"hnswlib {importlib.metadata.version('hnswlib')}"
