"""An index of ScaNN: a tree of clusters, anisotropic codes, and exact scores of the best."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from recommenders_tf.index.library_index import LibraryIndex, library

_FOLDER = "scann"
_FEW = 1000
"""Items up to which ScaNN scores all: there is too little to learn codes from."""
_TRAINED = 250_000


@dataclasses.dataclass(frozen=True)
class ScannConfig:
    """Settings of an index of ScaNN.

    Args:
        leaves: Clusters; by default the square root of the number of items.
        probes: Clusters that a query looks into; by default a tenth.
        rescored: Items whose exact scores decide, at least.

    Raises:
        ValueError: A number is below 1.

    Example:
        >>> ScannConfig(leaves=1000, probes=20).probes
        20
    """

    leaves: int | None = None
    probes: int | None = None
    rescored: int = 100

    def __post_init__(self) -> None:
        for name in ("leaves", "probes", "rescored"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1; it is {value}.")


class ScannIndex(LibraryIndex):
    """Searches with ScaNN; for offline use, since its op is no part of the plain TF Serving image.

    Items are added and removed by building it anew.

    Args:
        vectors: See `TopKIndex`.
        ids: Likewise.
        attributes: Likewise.
        config: `ScannConfig`.

    Raises:
        ImportError: ScaNN is not installed.

    Example:
        >>> vectors = np.random.default_rng(0).standard_normal([500, 8]).astype(np.float32)
        >>> vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        >>> index = ScannIndex(vectors, np.arange(500))
        >>> index.search(vectors[:1], k=1)[1].tolist()
        [[0]]

    References:
        Guo et al.: Accelerating Large-Scale Inference with Anisotropic Vector Quantization, ICML
        2020.
    """

    kind = "scann"
    config_class = ScannConfig
    config: ScannConfig

    def is_exact(self) -> bool:
        """Return False: what it looks at is a choice."""
        return False

    def _made(self, vectors: np.ndarray) -> Any:
        ops = library("scann", "scann", self.kind).scann_ops_pybind
        builder = ops.builder(vectors, 10, "dot_product")
        if len(vectors) <= _FEW:
            return builder.score_brute_force().build()
        leaves = self.config.leaves or round(math.sqrt(len(vectors)))
        probes = self.config.probes or max(1, leaves // 10)
        builder = builder.tree(
            num_leaves=leaves,
            num_leaves_to_search=min(probes, leaves),
            training_sample_size=min(len(vectors), _TRAINED),
        )
        builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2)
        return builder.reorder(self.config.rescored).build()

    def _nearest(self, queries: np.ndarray, number: int) -> np.ndarray:
        asked = max(2 * number, self.config.rescored)
        found, distances = self._index.search_batched(
            queries, final_num_neighbors=number, pre_reorder_num_neighbors=asked
        )
        rows = np.full((len(queries), number), -1, np.int64)
        # Where it finds no more, the distance is none.
        rows[:, : found.shape[1]] = np.where(np.isnan(distances), -1, found.astype(np.int64))
        return rows

    def _write(self, folder: pathlib.Path) -> None:
        super()._write(folder)
        target = folder / _FOLDER
        target.mkdir(exist_ok=True)
        self._index.serialize(str(target))

    def _read(self, folder: pathlib.Path) -> None:
        super()._read(folder)
        ops = library("scann", "scann", self.kind).scann_ops_pybind
        self._index = ops.load_searcher(str(folder / _FOLDER))
