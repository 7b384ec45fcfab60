"""Inverted lists of product codes in stock ops, and exact scores of the best."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from recommenders_tf.index.ivf_index import IVFConfig, IVFIndex
from recommenders_tf.index.k_means import k_means, nearest_centroids

_MOST_CODES = 2**15 - 1
"""Codes of all subspaces together: int16 numbers them."""
_TRAINED_EACH = 32
"""Residuals for each code word that they are learned from, at most."""


@dataclasses.dataclass(frozen=True)
class IVFPQConfig(IVFConfig):
    """Settings of inverted lists of product codes.

    Args:
        lists: See `IVFConfig`.
        probes: Likewise.
        dtype: Of the vectors that the best are scored with.
        seed: Of clusters and code words.
        subspaces: Parts of a vector, each with its own code; by default one for sixteen dimensions.
        codes: Code words of each part, at most.
        rescored: Groups of sixteen items whose exact scores decide, for each of the k.

    Raises:
        ValueError: A number is below 1, the type is another, or there are more code words in all
            than int16 can number.

    Example:
        >>> IVFPQConfig(subspaces=8, codes=256).codes
        256
    """

    subspaces: int | None = None
    codes: int = 4095
    rescored: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("subspaces", "codes", "rescored"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1; it is {value}.")
        parts = self.subspaces or 1
        if parts * self.codes > _MOST_CODES:
            raise ValueError(
                f"{parts} `subspaces` of {self.codes} `codes` are more than the {_MOST_CODES} that "
                f"there can be: take at most {_MOST_CODES // parts}."
            )


class IVFPQIndex(IVFIndex):
    """Looks through lists as `IVFIndex` does, by codes in place of vectors.

    What a vector differs by from its centroid, its residual, is cut into parts, and each part
    replaced by the nearest of some code words: r ≈ (w₁[c₁], …, wₘ[cₘ]), and so
    ⟨q, x⟩ ≈ ⟨q, centroid⟩ + ⟨q, (w₁[c₁], …, wₘ[cₘ])⟩. The paper adds up a table of the ⟨qᵢ, wᵢ⟩
    of each query. A gather of TensorFlow copies a whole part in the time that it takes for one
    number of such a table, so here a list is decoded once for all queries that probe it, and one
    matrix product does the rest; for the same reason there are few, wide parts with many code
    words. Exact scores of the best groups decide.

    Args:
        vectors: See `TopKIndex`.
        ids: Likewise.
        attributes: Likewise.
        config: `IVFPQConfig`.

    Example:
        >>> random = np.random.default_rng(0)
        >>> vectors = random.standard_normal([1000, 32]).astype(np.float32)
        >>> vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        >>> config = IVFPQConfig(lists=16, probes=4, subspaces=4)
        >>> index = IVFPQIndex(vectors, np.arange(1000), config=config)
        >>> index.search(vectors[:1], k=1)[1].tolist()
        [[0]]

    References:
        Jégou et al.: Product Quantization for Nearest Neighbor Search, IEEE Transactions on
        Pattern Analysis and Machine Intelligence 33 (2011), sections III and IV.
    """

    kind = "ivf_pq"
    config_class = IVFPQConfig
    config: IVFPQConfig
    is_residual = True

    def is_exact(self) -> bool:
        """Return False: codes choose what is scored exactly."""
        return False

    def _set_up(self) -> None:
        super()._set_up()
        self.subspaces = self.config.subspaces or max(1, round(self.dim / 16))
        self.part = -(-self.dim // self.subspaces)
        self.words = self._variable(np.zeros((0, self.part)), tf.float32)
        self.codes = self._variable(np.zeros((0, self.subspaces)), tf.int16)
        self._row_codes = np.zeros((0, self.subspaces), np.int16)

    def _learn(self, vectors: np.ndarray) -> None:
        super()._learn(vectors)
        random = np.random.default_rng(self.config.seed)
        most = min(self.config.codes, _MOST_CODES // self.subspaces, len(vectors))
        number = min(len(vectors), _TRAINED_EACH * most)
        sample = vectors[np.sort(random.choice(len(vectors), number, replace=False))]
        parts = self._parts(sample, nearest_centroids(sample, self.centroids.numpy()))
        words = [k_means(part, most, seed=self.config.seed) for part in parts]
        self.words.assign(np.concatenate(words))

    def _parts(self, vectors: np.ndarray, lists: np.ndarray) -> list[np.ndarray]:
        """Return the parts of residuals, each float32 `[vectors, part]`."""
        residuals = vectors - self.centroids.numpy()[lists]
        missing = self.subspaces * self.part - self.dim
        padded = np.pad(residuals, [(0, 0), (0, missing)])
        return [np.ascontiguousarray(p) for p in np.split(padded, self.subspaces, axis=1)]

    def _append(self, vectors: np.ndarray) -> None:
        lists = nearest_centroids(vectors, self.centroids.numpy())
        words = np.split(self.words.numpy(), self.subspaces)
        codes = [
            nearest_centroids(part, own) + number * len(own)
            for number, (part, own) in enumerate(
                zip(self._parts(vectors, lists), words, strict=True)
            )
        ]
        self._row_codes = np.concatenate(
            [self._row_codes, np.stack(codes, axis=1).astype(np.int16)]
        )
        super()._append(vectors)

    def _keep(self, kept: np.ndarray) -> None:
        self._row_codes = self._row_codes[kept]
        super()._keep(kept)

    def _lay_out(self, vectors: np.ndarray) -> None:
        super()._lay_out(vectors)
        rows = self.rows.numpy()
        # What fills up a group repeats the row before it, as in the table.
        source = np.maximum.accumulate(np.where(rows < 0, 0, np.arange(len(rows))))
        self.codes.assign(self._row_codes[rows[source]])

    def _arrays(self) -> dict[str, np.ndarray]:
        return {**super()._arrays(), "words": self.words.numpy(), "row_codes": self._row_codes}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        self.words.assign(arrays["words"])
        self._row_codes = arrays["row_codes"]
        super()._restore(arrays)

    def _groups_scored(self, k: tf.Tensor | int) -> tf.Tensor | int:
        return k * self.config.rescored

    def _list_scores(self, start: tf.Tensor, end: tf.Tensor, queries: tf.Tensor) -> tf.Tensor:
        words = tf.gather(self.words.value(), self.codes[start:end])
        width = self.subspaces * self.part
        across = tf.pad(tf.transpose(queries), [[0, width - self.dim], [0, 0]])
        return tf.matmul(tf.reshape(words, [-1, width]), across)
