"""ScaNN."""

from __future__ import annotations

import importlib.metadata
import os
from typing import Any

import numpy as np
import scann

from benchmarks.retrieval.planted import K
from benchmarks.retrieval.session import Session

_TRAINED = 262_144


def start(**settings: Any) -> Session:
    return Scann(**settings)


class Scann(Session):
    """A tree; `build` has its `leaves`."""

    def ready(self, build: dict[str, Any]) -> None:
        """Build the index, or read one that was built before."""
        vectors = self.planted.read("vectors")
        builder = scann.scann_ops_pybind.builder(vectors, K, "dot_product")
        builder = builder.tree(
            num_leaves=build["leaves"],
            num_leaves_to_search=16,
            training_sample_size=min(len(vectors), _TRAINED),
        )
        builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2)
        builder = builder.set_n_training_threads(len(os.sched_getaffinity(0)))
        self._index = builder.reorder(100).build()
        self._index.set_num_threads(len(os.sched_getaffinity(0)))

    def tune(self, setting: int) -> None:
        """Set how much of the index a query looks at."""
        self._leaves = setting

    def search(self, queries: np.ndarray) -> np.ndarray:
        """Return the rows of the K best."""
        if len(queries) == 1:
            return self._index.search(queries[0], leaves_to_search=self._leaves)[0][np.newaxis]
        search = self._index.search_batched_parallel
        return search(queries, leaves_to_search=self._leaves)[0]

    def version(self) -> str:
        """Return name and version."""
        return f"ScaNN {importlib.metadata.version('scann')}"
