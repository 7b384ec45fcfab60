"""FAISS, with the threshold from which on it multiplies matrices set as it should be."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from benchmarks.retrieval.planted import K
from benchmarks.retrieval.session import Session

_TRAINED = 262_144


def start(**settings: Any) -> Session:
    return Faiss(**settings)


class Faiss(Session):
    """One index; `build` has the `factory` and the parameter that `tune` sets."""

    def ready(self, build: dict[str, Any]) -> None:
        """Build the index, or read one that was built before."""
        # The default, a batch of thirty thousand, leaves the fast path out.
        faiss.cvar.distance_compute_blas_threshold = 20
        self._parameter = build["parameter"]
        path = self.planted.folder / f"{build['factory'].replace(',', '-')}.faiss"
        if path.exists():
            self._index = faiss.read_index(str(path))
        else:
            vectors, metric = self.planted.read("vectors"), faiss.METRIC_INNER_PRODUCT
            self._index = faiss.index_factory(self.planted.dim, build["factory"], metric)
            self._index.train(vectors[:_TRAINED])
            self._index.add(vectors)
            faiss.write_index(self._index, str(path))
        if "RFlat" in build["factory"]:
            faiss.ParameterSpace().set_index_parameter(self._index, "k_factor_rf", 10)

    def tune(self, setting: int) -> None:
        """Set how much of the index a query looks at."""
        if self._parameter:
            faiss.ParameterSpace().set_index_parameter(self._index, self._parameter, setting)

    def search(self, queries: np.ndarray) -> np.ndarray:
        """Return the rows of the K best."""
        return self._index.search(queries, K)[1]

    def version(self) -> str:
        """Return name and version."""
        return f"FAISS {faiss.__version__}"
