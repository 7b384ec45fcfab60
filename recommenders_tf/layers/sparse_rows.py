"""A sparse matrix whose rows are gathered by index."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse

_MOST_DENSE = 2**24
"""Values up to which a matrix is ever made dense: 64 MiB, and ten times that while it is filled."""

_ENTRIES_AT_ONCE = 2**22
"""Entries of rows up to which all lines of a product are summed at once: some 100 MiB."""

_PRODUCTS_PER_ENTRY = 1000
_PLACED_PER_ENTRY = 1.5
"""Products, and places of a matrix filled, in the time in which one entry of a row is summed."""


@tf.keras.saving.register_keras_serializable("recommenders_tf")
class SparseRows(tf.keras.layers.Layer):
    """Holds a sparse matrix, such as what every user has met, and gives blocks of it.

    It takes memory for the values that are there, and a call for the rows that are asked for. The
    matrix is part of the weights: it is saved and exported with them.

    Args:
        num_rows: Number of rows.
        num_columns: Number of columns.
        **kwargs: Of the Keras layer.

    Call arguments:
        rows: Indices of rows, int64 `[batch]`.

    Output shape:
        Values, float32 `[batch, num_columns]`, 0 where the matrix has none; and where it has one,
        bool of that shape.

    Example:
        >>> layer = SparseRows(3, 4)
        >>> layer.assign(sparse.csr_matrix(([5.0, 0.0], ([2, 2], [1, 3])), shape=(3, 4)))
        >>> values, known = layer(tf.constant([2, 0], tf.int64))
        >>> values.numpy().tolist()[0], known.numpy().tolist()[0]
        ([0.0, 5.0, 0.0, 0.0], [False, True, False, True])
    """

    def __init__(self, num_rows: int, num_columns: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_rows = num_rows
        self.num_columns = num_columns
        # Of unknown length, as it depends on the data.
        self.splits = self._variable("splits", np.zeros(num_rows + 1, np.int64))
        self.columns = self._variable("columns", np.zeros(0, np.int64))
        self.values = self._variable("values", np.zeros(0, np.float32))

    def assign(self, matrix: sparse.csr_matrix) -> None:
        """Hold another matrix `[num_rows, num_columns]`; values that are 0 count as there."""
        self.splits.assign(matrix.indptr.astype(np.int64))
        self.columns.assign(matrix.indices.astype(np.int64))
        self.values.assign(matrix.data.astype(np.float32))

    def call(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the values of rows, and where there are any."""
        columns, values = self.entries(rows)
        return dense_rows(columns, values, self.num_columns)

    def entries(self, rows: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Return what rows hold: columns, int64 `[batch, (entries)]`, and values, `[entries]`."""
        starts, limits = tf.gather(self.splits, rows), tf.gather(self.splits, rows + 1)
        places = tf.ragged.range(starts, limits)
        columns = places.with_flat_values(tf.gather(self.columns, places.flat_values))
        return columns, tf.gather(self.values, places.flat_values)

    def sparse(self, rows: tf.Tensor) -> tf.SparseTensor:
        """Return rows in the memory of what they hold, float32 `[batch, num_columns]`."""
        columns, values = self.entries(rows)
        places = tf.stack([columns.value_rowids(), columns.flat_values], axis=1)
        return tf.SparseTensor(places, values, [columns.nrows(), self.num_columns])

    def product(self, weights: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
        """Return weights times the matrix, at the cost of what the weighted rows hold.

        The rows of all lines of weights are taken at once while they hold little; beyond that one
        line after another, so that memory is for the rows of one. Where all lines together ask for
        so much that a product of dense matrices takes less time, and the matrix is not too large
        for it, it is made dense for the call.

        Args:
            weights: float32 `[batch, num_rows]`.
            is_there: Which of them count, bool `[batch, num_rows]`.

        Returns:
            float32 `[batch, num_columns]`.
        """

        def at_once() -> tf.Tensor:
            return self._sums(weights, is_there)

        def by_line() -> tf.Tensor:
            spec = tf.TensorSpec([self.num_columns], tf.float32)
            return tf.map_fn(
                lambda line: self._sums(line[0][tf.newaxis], line[1][tf.newaxis])[0],
                (weights, is_there),
                fn_output_signature=spec,
            )

        held = tf.cast(self.splits[1:] - self.splits[:-1], tf.float32)
        asked = tf.reduce_sum(tf.linalg.matvec(tf.cast(is_there, tf.float32), held))

        def summed() -> tf.Tensor:
            return tf.cond(asked <= _ENTRIES_AT_ONCE, at_once, by_line)

        size = self.num_rows * self.num_columns
        if size > _MOST_DENSE:
            return summed()

        def dense() -> tf.Tensor:
            matrix, _ = self(tf.range(self.num_rows, dtype=tf.int64))
            return tf.matmul(tf.where(is_there, weights, 0.0), matrix)

        products = tf.cast(tf.shape(weights)[0], tf.float32) * size / _PRODUCTS_PER_ENTRY
        filled = (tf.reduce_sum(held) + size) / _PLACED_PER_ENTRY
        return tf.cond(asked > products + filled, dense, summed)

    def _sums(self, weights: tf.Tensor, is_there: tf.Tensor) -> tf.Tensor:
        """Return weights times the matrix in the memory of what the weighted rows hold."""
        places = tf.where(is_there)
        columns, values = self.entries(places[:, 1])
        owners = columns.value_rowids()
        values *= tf.gather(tf.gather_nd(weights, places), owners)
        lines = tf.gather(places[:, 0], owners)
        number = tf.shape(weights, tf.int64)[0]
        sums = tf.math.unsorted_segment_sum(
            values, lines * self.num_columns + columns.flat_values, number * self.num_columns
        )
        return tf.reshape(sums, [number, self.num_columns])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {"num_rows": self.num_rows, "num_columns": self.num_columns}

    def _variable(self, name: str, value: np.ndarray) -> tf.Variable:
        return tf.Variable(value, trainable=False, name=name, shape=[None], dtype=value.dtype)


def dense_rows(
    columns: tf.RaggedTensor, values: tf.Tensor, num_columns: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the sums of values by row and column, and where there are any.

    Args:
        columns: Columns of each row, int64 `[batch, (entries)]`.
        values: Their values one row after another, float32 `[entries]`.
        num_columns: Width of the result.

    Returns:
        Sums, float32 `[batch, num_columns]`, and bool of that shape.

    Example:
        >>> sums, known = dense_rows(tf.ragged.constant([[1, 1]], tf.int64), tf.ones(2), 3)
        >>> sums.numpy().tolist()
        [[0.0, 2.0, 0.0]]
    """
    places = tf.stack([columns.value_rowids(), columns.flat_values], axis=1)
    shape = tf.stack([columns.nrows(), tf.constant(num_columns, tf.int64)])
    sums = tf.scatter_nd(places, values, shape)
    known = tf.scatter_nd(places, tf.ones_like(values), shape) > 0
    return sums, known
