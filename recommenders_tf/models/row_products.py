"""Inner products of some rows of a sparse matrix with all of its rows."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from scipy import sparse

from recommenders_tf import native

_KERNEL = "models/row_products.cc"


class RowProducts:
    """Multiplies blocks of rows of a sparse matrix with the matrix: A[block] Aᵀ.

    On a machine with a C++ compiler by a compiled kernel (`row_products.cc`), which keeps the sums
    of a row in the cache, elsewhere by SciPy. Several threads may ask at a time.

    Args:
        rows: A, float32 `[rows, columns]`.
        use_native: Whether the compiled kernel may be used.

    Example:
        >>> rows = sparse.csr_matrix(np.array([[1, 0], [1, 1], [0, 2]], np.float32))
        >>> RowProducts(rows)(np.array([1])).toarray().tolist()
        [[1.0, 2.0, 2.0]]
    """

    def __init__(self, rows: sparse.csr_matrix, use_native: bool = True) -> None:
        self._rows, self._columns = rows, rows.T.tocsr()
        fits = self._columns.indices.dtype == np.int32
        self._ops = native.ops(_KERNEL) if use_native and fits else None
        self._parts = _parts(self._columns) if self._ops else ()

    def __call__(self, block: np.ndarray) -> sparse.csr_matrix:
        """Return the products of some rows with all, in order of the columns.

        Args:
            block: Indices of rows, int64 `[block]`.

        Returns:
            float32 `[block, rows]`, without what is 0.
        """
        rows, width = self._rows[block], self._rows.shape[0]
        if self._ops is None:
            products = rows @ self._columns
            products.eliminate_zeros()
            products.sort_indices()
            return products
        with tf.device("CPU"):
            splits, columns, values = self._ops.recommenders_tf_row_products(
                *_parts(rows), *self._parts, width=width
            )
        return sparse.csr_matrix(
            (values.numpy(), columns.numpy(), splits.numpy()), shape=(len(block), width)
        )


def _parts(matrix: sparse.csr_matrix) -> tuple[tf.Tensor, ...]:
    """Return the splits, columns and values of a matrix."""
    return (
        tf.constant(matrix.indptr, tf.int64),
        tf.constant(matrix.indices, tf.int32),
        tf.constant(matrix.data, tf.float32),
    )
