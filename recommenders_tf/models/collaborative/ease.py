"""EASE: a linear autoencoder with a closed form."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import linalg, sparse

from recommenders_tf.data.column_store import aligned
from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.neighbours import in_blocks
from recommenders_tf.models.row_products import RowProducts
from recommenders_tf.registry import register
from recommenders_tf.schema import FeatureSchema
from recommenders_tf.search_space import Range

_MOST_IN_DOUBLE = 2**14
"""Items up to which the inverse is computed in float64: 2 GiB."""

_MOST_IN_LAPACK = 24_000
"""Rows of the largest matrix that is factorized as one: OpenBLAS 0.3.21 on two threads crashes at
41,000."""

_BLOCK_ROWS = 256

_COST_OF_SPARSE = 16
"""Products of a dense matrix in the time of one of a sparse matrix."""


@register(
    paper="Steck: Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019, arXiv:1905.03375",
    search_space={"l2": Range(1.0, 1e4, "log")},
)
class EASE(HistoryRetriever):
    """Scores the items by x B, where B rebuilds each item from all others.

    B minimizes ‖X - XB‖² + λ‖B‖² under diag(B) = 0 (eq. 2 to 4). With P = (XᵀX + λI)⁻¹ it is
    Bᵢⱼ = -Pᵢⱼ / Pⱼⱼ off the diagonal (eq. 8). A user's x is 1 for every item met.

    When to choose it:
        As the control that deep models have to beat, and often as the model itself, where there
        are some ten thousand items at most: B has a number for every pair of items.

    Args:
        schema: Fitted schema; only the ids of user and item are used.
        l2: λ.
        **kwargs: Of the Keras model.

    Raises:
        SchemaError: The id of the users or of the items grows.
        ValueError: `l2` is not above 0, or the items are too many for this machine's memory.

    Example:
        >>> from recommenders_tf import data
        >>> train = data.encode(data.load("synthetic"))
        >>> model = EASE(train.schema)
        >>> model.compile()
        >>> _ = model.fit(train, verbose=0)
        >>> len(model.recommend([train.log.users["user_id"][0]], k=3))
        3
    """

    contract_exceptions = {
        **HistoryRetriever.contract_exceptions,
        "gradients_reach_every_weight": "It is solved: there is no gradient.",
    }

    def __init__(self, schema: FeatureSchema, l2: float = 500.0, **kwargs: Any) -> None:
        if l2 <= 0:
            raise ValueError(
                f"`l2` must be above 0, or items that nobody met have no inverse. Received: {l2}."
            )
        super().__init__(schema, **kwargs)
        self.l2 = l2
        _check_memory(self.num_items, self.num_items**2 * tf.float32.size)
        self.item_weights = self.add_weight(
            name="item_weights",
            shape=[self.num_items, self.num_items],
            initializer="zeros",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
        )

    def solve(self, matrix: sparse.csr_matrix) -> float:
        """Set B, and return the mean over users of the squared error.

        Raises:
            ValueError: This machine has too little memory.
        """
        both = tf.float32.size + np.dtype(_dtype(self.num_items)).itemsize
        _check_memory(self.num_items, self.num_items**2 * both)
        weights, error = ease_weights(matrix, self.l2)
        # `assign` would make two copies of an array, and none of a tensor that shares its memory.
        shared = tf.experimental.dlpack.from_dlpack(weights.__dlpack__())
        self.item_weights.assign(tf.cast(shared, tf.float32))
        return error

    def score_items(self, values: tf.Tensor, known: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return x B, at the cost of what was met unless that is much."""
        rows, items = tf.shape(values)[0], self.num_items

        def by_item() -> tf.Tensor:
            return tf.sparse.sparse_dense_matmul(tf.sparse.from_dense(values), self.item_weights)

        def dense() -> tf.Tensor:
            return tf.matmul(values, self.item_weights)

        # Of a few rows the dense product takes the time in which all of B is read.
        at_equal_cost = tf.maximum(rows, _COST_OF_SPARSE) * (items // _COST_OF_SPARSE)
        met = tf.math.count_nonzero(values, dtype=tf.int32)
        return tf.cond(met <= at_equal_cost, by_item, dense)


def ease_weights(matrix: sparse.csr_matrix, l2: float) -> tuple[np.ndarray, float]:
    """Return B, `[items, items]`, and the mean over users of ‖x - xB‖².

    Everything happens in one array, in float64 unless it would be large.

    Example:
        >>> weights, _ = ease_weights(sparse.csr_matrix(np.eye(2)[[0, 1]] + 0.5), 1.0)
        >>> float(weights[0, 0])
        0.0
    """
    size = matrix.shape[1]
    dtype = np.dtype(_dtype(size))
    gram = aligned((size, size), dtype)  # which the model's weight then needs no copy of
    products = RowProducts(matrix.T.tocsr())

    def fill(items: np.ndarray) -> None:
        gram[items] = products(items).toarray()

    in_blocks(fill, np.arange(size), _BLOCK_ROWS)
    gram[np.diag_indices(size)] += l2
    _invert(gram)
    diagonal = np.diag(gram).copy()
    gram /= -diagonal
    gram[np.diag_indices(size)] = 0.0
    # With D = diag(1/P), X - XB = XPD and XᵀX = P⁻¹ - λI, so ‖X - XB‖² = tr DPD - λ‖PD‖².
    error = np.sum(1 / diagonal, dtype=np.float64) - l2 * (size + np.linalg.norm(gram) ** 2)
    return gram, float(error / max(1, np.count_nonzero(np.diff(matrix.indptr))))


def _dtype(size: int) -> type[np.floating]:
    return np.float64 if size <= _MOST_IN_DOUBLE else np.float32


def _check_memory(items: int, needed: int) -> None:
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise ValueError(
            f"EASE has a number for every pair of {items:,} items: that takes "
            f"{needed / 2**30:,.0f} GiB of memory, and this machine has {available / 2**30:,.0f}. "
            "Leave out items with few events (`--min-item-events`), or take `slim` or `item_knn`, "
            "which keep the nearest of each item alone."
        )


def _invert(matrix: np.ndarray) -> None:
    """Invert a symmetric positive definite matrix in its place."""
    size = len(matrix)
    if size <= _MOST_IN_LAPACK:
        # A whole array is itself laid out as LAPACK takes it, without a copy.
        regular = matrix.T
        factorize, invert = linalg.get_lapack_funcs(("potrf", "potri"), (regular,))
        factor, _ = factorize(regular, lower=True, clean=False, overwrite_a=True)
        inverse, _ = invert(factor, lower=True, overwrite_c=True)
        if not np.may_share_memory(inverse, matrix):
            matrix[:] = inverse.T
        _mirror(matrix)
        return
    half = size // 2
    first, cross, second = matrix[:half, :half], matrix[:half, half:], matrix[half:, half:]
    _invert(first)
    shares = first @ cross
    second -= cross.T @ shares
    _invert(second)  # the complement of Schur
    np.negative(np.matmul(shares, second, out=cross), out=cross)
    first -= cross @ shares.T
    matrix[half:, :half] = cross.T


def _mirror(array: np.ndarray) -> None:
    """Copy what stands above the diagonal below it, in blocks, for lack of memory for a copy."""
    for start in range(0, len(array), _BLOCK_ROWS):
        end = start + _BLOCK_ROWS
        own = array[start:end, start:end]
        own[:] = np.triu(own) + np.triu(own, 1).T
        array[end:, start:end] = array[start:end, end:].T
