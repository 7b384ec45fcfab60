"""Products of rows of a sparse matrix, compiled and not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from recommenders_tf.models.neighbours import in_blocks
from recommenders_tf.models.row_products import RowProducts


def _matrix(random, shape, density):
    matrix = sparse.random(*shape, density, "csr", np.float32, random)
    matrix.data = random.integers(-3, 4, matrix.nnz).astype(np.float32)
    return matrix


@pytest.mark.parametrize("use_native", [True, False])
# With many terms a row, with few, and with none at all in most.
@pytest.mark.parametrize("shape, density", [((60, 80), 0.4), ((900, 300), 0.01), ((50, 40), 0.005)])
def test_products_are_those_of_dense_rows(use_native, shape, density):
    random = np.random.default_rng(1)
    matrix = _matrix(random, shape, density)
    dense, block = matrix.toarray(), random.permutation(shape[0])[:23]
    found = RowProducts(matrix, use_native)(block)
    np.testing.assert_array_equal(found.toarray(), dense[block] @ dense.T)
    assert np.all(found.data != 0) and found.shape == (23, shape[0])
    rows = np.repeat(np.arange(23), np.diff(found.indptr))
    assert np.all((np.diff(found.indices) > 0) | (np.diff(rows) > 0))


def test_threads_that_ask_at_a_time_get_their_own_products():
    random = np.random.default_rng(2)
    matrix = _matrix(random, (400, 100), 0.1)
    blocks = in_blocks(RowProducts(matrix), np.arange(400), 16)
    dense = matrix.toarray()
    np.testing.assert_array_equal(sparse.vstack(blocks).toarray(), dense @ dense.T)
