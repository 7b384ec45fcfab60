from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from recommenders_tf.models import neighbours
from recommenders_tf.models.neighbours import largest, measure_of, nearest_rows


@pytest.fixture
def rows() -> np.ndarray:
    """Return small whole numbers, so that many similarities tie; row 5 is empty."""
    random = np.random.default_rng(0)
    values = random.integers(-1, 3, (40, 7)).astype(np.float32)
    values[5] = 0
    return values


@pytest.mark.parametrize("k", [1, 4, None])
def test_nearest_rows_in_blocks_are_those_of_the_whole_product(rows, k, monkeypatch) -> None:
    monkeypatch.setattr(neighbours, "_LEAST_ROWS", 1)
    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", 3 * 40)
    inner = rows @ rows.T
    found = nearest_rows(sparse.csr_matrix(rows), lambda product, first, second: product, k)
    np.fill_diagonal(inner, 0)
    for row, line in enumerate(inner):
        # A stable sort keeps the lowest number of equal ones first.
        best = np.argsort(-line, kind="stable")[:k]
        expected = np.zeros(40)
        expected[best] = np.maximum(line[best], 0)
        np.testing.assert_array_equal(found[row].toarray()[0], expected)


def test_rows_that_are_all_alike_are_never_compared_all_at_once(monkeypatch) -> None:
    count = 3000
    rows = sparse.csr_matrix(np.random.default_rng(0).random((count, 2), np.float32))
    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", 2**14)
    tracemalloc.start()
    found = nearest_rows(rows, measure_of("cosine", 0.0), 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.nnz == 5 * count
    assert peak < count * count  # bytes: a quarter of the products


def test_a_row_is_its_own_neighbour_where_that_is_asked_for(rows) -> None:
    found = nearest_rows(sparse.csr_matrix(rows), measure_of("cosine", 0.0), None, True)
    expected = np.ones(40)
    expected[5] = 0
    np.testing.assert_allclose(found.diagonal(), expected, rtol=1e-6)


@pytest.mark.parametrize("shrinkage", [0.0, 3.0])
def test_measures(rows, shrinkage) -> None:
    found = nearest_rows(sparse.csr_matrix(rows), measure_of("cosine", shrinkage)).toarray()
    ones = (rows != 0).astype(np.float32)
    shared = nearest_rows(sparse.csr_matrix(ones), measure_of("jaccard", shrinkage)).toarray()
    for a, b in [(0, 1), (2, 9), (17, 30), (5, 6)]:
        norms = np.linalg.norm(rows[a]) * np.linalg.norm(rows[b])
        cosine = rows[a] @ rows[b] / max(norms + shrinkage, 1e-9)
        assert found[a, b] == found[b, a] == pytest.approx(max(cosine, 0), rel=1e-5)
        either = np.count_nonzero(ones[a] + ones[b])
        assert shared[a, b] == pytest.approx(ones[a] @ ones[b] / (either + shrinkage), rel=1e-5)


def test_rows_shorter_than_k_stay_and_longer_ones_are_cut() -> None:
    rows = sparse.csr_matrix(([2.0, 2.0, 1.0, 2.0, 3.0], [0, 3, 4, 6, 1], [0, 4, 4, 5]), (3, 8))
    found = largest(rows, 2)
    assert found.toarray()[0].tolist() == [2, 0, 0, 2, 0, 0, 0, 0]
    assert np.diff(found.indptr).tolist() == [2, 0, 1]
