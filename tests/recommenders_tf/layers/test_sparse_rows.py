from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from recommenders_tf.layers import sparse_rows
from recommenders_tf.layers.sparse_rows import SparseRows

MATRIX = sparse.random(20, 6, 0.3, "csr", np.float32, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("entry", "most_dense", "at_once"),
    [(1e-9, 2**26, 2**22), (1e-9, 2**26, 0), (1e9, 2**26, 0), (1e9, 0, 0)],
    ids=["entries", "lines", "dense", "large"],
)
@pytest.mark.parametrize("wrap", [tf.function, lambda call: call], ids=["graph", "eager"])
def test_product_with_a_dense_matrix(entry, most_dense, at_once, wrap, monkeypatch) -> None:
    """Of the entries at once or line by line; dense where an entry costs much, unless large."""
    monkeypatch.setattr(sparse_rows, "_ENTRIES_AT_ONCE", at_once)
    monkeypatch.setattr(sparse_rows, "_PRODUCTS_PER_ENTRY", entry)
    monkeypatch.setattr(sparse_rows, "_PLACED_PER_ENTRY", entry)
    monkeypatch.setattr(sparse_rows, "_MOST_DENSE", most_dense)
    layer = SparseRows(20, 6)
    layer.assign(MATRIX)
    random = np.random.default_rng(1)
    weights = random.normal(size=(5, 20)).astype(np.float32)
    there = random.random((5, 20)) < 0.5
    there[2] = False
    found = wrap(layer.product)(tf.constant(weights), tf.constant(there))
    np.testing.assert_allclose(found, (weights * there) @ MATRIX.toarray(), rtol=1e-5, atol=1e-6)


def test_rows_and_where_they_have_values() -> None:
    matrix = MATRIX.copy()
    matrix.data[0] = 0.0  # a value that is there
    layer = SparseRows(20, 6)
    layer.assign(matrix)
    values, known = layer(tf.range(20, dtype=tf.int64))
    np.testing.assert_array_equal(values, matrix.toarray())
    assert np.count_nonzero(known) == matrix.nnz == np.count_nonzero(values) + 1


def test_weights_of_another_length_are_taken_back() -> None:
    layer, empty = SparseRows(20, 6), SparseRows(20, 6)
    layer.assign(MATRIX)
    again = SparseRows.from_config(layer.get_config())
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(tf.constant([3]))[0], layer(tf.constant([3]))[0])
    layer.set_weights(empty.get_weights())
    assert not np.any(layer(tf.range(20))[1])
