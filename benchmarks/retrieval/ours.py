"""The indexes in stock ops, searched as a served model searches them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

import recommenders_tf as rtf
from benchmarks.retrieval.planted import K
from benchmarks.retrieval.session import Session
from recommenders_tf.index import TopKIndex, kinds


def start(**settings: Any) -> Session:
    return Ours(**settings)


class Ours(Session):
    """One index; `build` has its `kind` and the arguments of its config."""

    def ready(self, build: dict[str, Any]) -> None:
        """Build the index, or read one that was built before."""
        settings = dict(build)
        kind = kinds.get(settings.pop("kind"))
        name = "-".join(map(str, build.values()))
        path = self.planted.folder / f"ours-{name}"
        if (path / "index.json").exists():
            self._index: Any = TopKIndex.load(path)
            return
        config = kind.config_class(**settings)
        rows = np.arange(self.planted.items)
        self._index = kind(self.planted.read("vectors"), rows, config=config)
        self._index.save(path)

    def tune(self, setting: int) -> None:
        """Set how much of the index a query looks at."""
        if hasattr(self._index, "probes"):
            self._index.probes.assign(min(setting, self._index.lists))

    def search(self, queries: np.ndarray) -> np.ndarray:
        """Return the rows of the K best."""
        nothing = _nothing(len(queries))
        return self._index.searcher(tf.constant(queries), tf.constant(K), nothing)[1].numpy()

    def version(self) -> str:
        """Return name and version."""
        return f"recommenders-tf {rtf.__version__}"


@functools.cache
def _nothing(queries: int) -> tf.RaggedTensor:
    """Return that no query has an excluded row; a served graph makes it without Python."""
    splits = tf.zeros([queries + 1], tf.int64)
    return tf.RaggedTensor.from_row_splits(tf.zeros([0], tf.int64), splits)
