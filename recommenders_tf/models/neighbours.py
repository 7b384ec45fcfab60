"""What models of neighbours share: which rows of a matrix are alike, and sums over them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf.index.exact import rows_at_once
from recommenders_tf.layers.sparse_rows import SparseRows
from recommenders_tf.models.history_retriever import HistoryRetriever
from recommenders_tf.models.matrix_retriever import MatrixRetriever
from recommenders_tf.models.row_products import RowProducts
from recommenders_tf.schema import FeatureSchema

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Similarities of pairs of rows from their inner products and the squared norms of both."""

Result = TypeVar("Result")

SIMILARITIES = ("cosine", "pearson", "adjusted_cosine", "jaccard")

_BLOCK_VALUES = 2**20
_LEAST_ROWS = 16
_LOSS_USERS = 64


class NeighbourRetriever(HistoryRetriever):
    """A model that scores an item by those that a user has met: Σ_i x_i s_ij for item j.

    A subclass writes `solve`, which assigns `similarities`: S, from what was met to what is scored.
    Both are sparse, and a user costs what the rows of S hold that belong to the user's items.

    Args:
        schema: Fitted schema.
        **kwargs: Of the Keras model.
    """

    contract_exceptions = {
        **HistoryRetriever.contract_exceptions,
        "gradients_reach_every_weight": "It is counted or solved: there is no gradient.",
    }

    def __init__(self, schema: FeatureSchema, **kwargs: Any) -> None:
        super().__init__(schema, **kwargs)
        self.similarities = SparseRows(self.num_items, self.num_items, name="similarities")

    def score_items(self, values: tf.Tensor, known: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return x S."""
        return self.similarities.product(values, known)


def measure_of(similarity: str, shrinkage: float, asymmetry: float = 0.5) -> Measure:
    """Return how two rows of `comparable` are compared.

    Args:
        similarity: One of `SIMILARITIES`.
        shrinkage: What is added to the divisor.
        asymmetry: Of the products: α in the divisor ‖a‖^2α ‖b‖^2(1-α).

    Example:
        >>> ones = np.ones(1, np.float32)
        >>> float(measure_of("jaccard", 0.0)(ones, 2 * ones, 3 * ones)[0])
        0.25
    """
    if similarity == "jaccard":
        return lambda inner, first, second: quotient(inner, first + second - inner + shrinkage)

    def product(inner: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        divisors = np.sqrt(first * second) * quotient(first, second) ** (asymmetry - 0.5)
        return quotient(inner, divisors + shrinkage)

    return product


def quotient(values: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """Return values / divisors, and 0 where a divisor is 0."""
    return np.divide(values, divisors, out=np.zeros_like(values), where=divisors > 0)


def comparable(matrix: sparse.csr_matrix, similarity: str) -> sparse.csr_matrix:
    """Return the rows of a matrix such that inner products of them make the similarity.

    `pearson` takes off the mean of each row, `adjusted_cosine` that of each column, over the values
    that are there; `jaccard` asks only where there are any.

    Example:
        >>> matrix = sparse.csr_matrix(np.array([[1.0, 3.0], [0.0, 4.0]], np.float32))
        >>> comparable(matrix, "pearson").toarray().tolist()
        [[-1.0, 1.0], [0.0, 0.0]]
    """
    rows = matrix.copy()
    if similarity == "pearson":
        rows.data -= np.repeat(row_means(rows), np.diff(rows.indptr))
    elif similarity == "adjusted_cosine":
        rows.data -= row_means(rows.T.tocsr())[rows.indices]
    elif similarity == "jaccard":
        rows.data[:] = 1.0
    return rows


def row_means(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return the mean of the values that each row has, 0 where it has none, float32 `[rows]`."""
    sums = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    return quotient(sums, np.diff(matrix.indptr)).astype(np.float32)


def item_means(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return the mean rating of each item, or that of all where it has none, float32 `[items]`."""
    by_item = matrix.T.tocsr()
    return np.where(np.diff(by_item.indptr), row_means(by_item), matrix.data.mean())


def squared_norms(matrix: sparse.csr_matrix) -> np.ndarray:
    """Return the sum of the squares of each row, float32 `[rows]`."""
    return np.asarray(matrix.power(2).sum(axis=1), np.float32).ravel()


def nearest_rows(
    rows: sparse.csr_matrix,
    measure: Measure,
    num_neighbours: int | None = None,
    with_itself: bool = False,
) -> sparse.csr_matrix:
    """Return the similarities of every row to those that are most alike.

    Rows are compared a block at a time, in threads, and only where their products are not 0, so
    that memory holds the neighbours and a few blocks.

    Args:
        rows: float32 `[rows, columns]`, as `comparable` gives them.
        measure: How two rows are compared.
        num_neighbours: Neighbours of a row, of equally similar ones those with the lowest number;
            None keeps all.
        with_itself: Whether a row is its own neighbour.

    Returns:
        float32 `[rows, rows]`: in row i its neighbours, with similarities above 0.

    Example:
        >>> rows = sparse.csr_matrix(np.array([[1, 0], [1, 1], [0, 2]], np.float32))
        >>> nearest_rows(rows, measure_of("cosine", 0.0), 1).toarray().round(2).tolist()
        [[0.0, 0.71, 0.0], [0.71, 0.0, 0.0], [0.0, 0.71, 0.0]]
    """
    norms, products = squared_norms(rows), RowProducts(rows)

    def neighbours_of(block: np.ndarray) -> sparse.csr_matrix:
        inner = products(block)
        owners = np.repeat(block, np.diff(inner.indptr))
        inner.data = measure(inner.data, norms[owners], norms[inner.indices])
        if not with_itself:
            inner.data[owners == inner.indices] = 0.0
        return largest(inner, num_neighbours)

    # The fullest rows first, so that threads end together.
    order = np.argsort(-np.diff(rows.indptr), kind="stable")
    step = max(_LEAST_ROWS, _BLOCK_VALUES // max(1, rows.shape[0]))
    return sparse.vstack(in_blocks(neighbours_of, order, step), "csr")[np.argsort(order)]


def in_blocks(
    function: Callable[[np.ndarray], Result], rows: np.ndarray, step: int
) -> list[Result]:
    """Return what a function makes of blocks of rows, computed in threads.

    SciPy and NumPy let other threads run while they compute.

    Example:
        >>> in_blocks(np.sum, np.arange(5), 2)
        [1, 5, 4]
    """
    blocks = [rows[start : start + step] for start in range(0, len(rows), step)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, blocks))


def largest(rows: sparse.csr_matrix, k: int | None) -> sparse.csr_matrix:
    """Return the k largest values of each row that are above 0; of equal ones the first.

    Example:
        >>> rows = sparse.csr_matrix(np.array([[3.0, 1.0, 3.0, 2.0], [0.0, -1.0, 0.0, 4.0]]))
        >>> largest(rows, 1).toarray().tolist()
        [[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 4.0]]
    """
    kept = rows.data > 0
    lengths = np.diff(rows.indptr)
    width = int(lengths.max(initial=0))
    if k is not None and k < width:
        there = np.arange(width) < lengths[:, np.newaxis]
        padded = np.zeros(there.shape, rows.dtype)
        padded[there] = rows.data
        least = np.partition(padded, width - k, axis=1)[:, width - k, np.newaxis]
        above, equal = padded > least, padded == least
        room = k - np.count_nonzero(above, axis=1)[:, np.newaxis]
        kept &= (above | equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= room))[there]
    before = np.concatenate([[0], np.cumsum(kept)])
    return sparse.csr_matrix(
        (rows.data[kept], rows.indices[kept], before[rows.indptr]), shape=rows.shape
    )


def loss_of_some(model: MatrixRetriever, matrix: sparse.csr_matrix) -> float:
    """Return the loss of some users who are spread over a matrix: that of all would take long."""
    users = np.flatnonzero(np.diff(matrix.indptr))
    number = min(_LOSS_USERS, rows_at_once(matrix.shape[1]))
    some = users[:: -(-len(users) // number)]
    batch = {model.schema.user_id.name: tf.constant(some, tf.int64)}
    return float(model.compute_loss(batch))
