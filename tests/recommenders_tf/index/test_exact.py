import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.index import exact_top_k
from recommenders_tf.index.exact import BLOCK_BYTES, rows_at_once


def expected_top_k(scores, allowed, k):
    """Sort every row: best first, ties by lower index."""
    masked = np.where(allowed, scores, -np.inf)
    order = np.argsort(-masked, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(masked, order, axis=1), order


@pytest.mark.parametrize("levels", [3, 50, 10**6])
@pytest.mark.parametrize(
    ("items", "k"),
    [
        (1, 1),
        (5, 3),
        (30, 5),
        (97, 10),
        (1000, 1),
        (1000, 10),
        (1003, 400),
        (64, 64),
        (3703, 10),
        (640, 10),
    ],
)
def test_equals_a_sort_where_many_scores_are_equal(items, k, levels) -> None:
    random = np.random.default_rng(items + k)
    scores = random.integers(0, levels, (17, items)).astype(np.float32)
    allowed = random.random((17, items)) < 0.7
    best, columns = exact_top_k(tf.constant(scores), tf.constant(allowed), k)
    values, order = expected_top_k(scores, allowed, k)
    np.testing.assert_array_equal(best, values)
    found = np.isfinite(values)
    np.testing.assert_array_equal(columns.numpy()[found], order[found])
    assert columns.dtype == tf.int64


def test_in_a_graph_with_shapes_unknown_until_it_runs() -> None:
    spec = [
        tf.TensorSpec([None, None]),
        tf.TensorSpec([None, None], tf.bool),
        tf.TensorSpec([], tf.int32),
    ]
    function = tf.function(exact_top_k, input_signature=spec)
    random = np.random.default_rng(0)
    for rows, items, k in ((1, 40, 7), (9, 333, 20), (4, 5, 11), (0, 5, 2), (3, 2000, 9)):
        scores = random.integers(0, 9, (rows, items)).astype(np.float32)
        allowed = np.ones((rows, items), bool)
        best, columns = function(scores, allowed, k)
        values, order = expected_top_k(scores, allowed, k)
        width = min(k, items)
        np.testing.assert_array_equal(best[:, :width], values)
        np.testing.assert_array_equal(columns[:, :width], order)
        assert best.shape == columns.shape == (rows, k)


def test_one_row_of_allowed_items_for_all() -> None:
    scores = tf.constant([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    _, items = exact_top_k(scores, tf.constant([[True, True, False]]), 1)
    assert items.numpy().tolist() == [[1], [0]]


def test_places_without_an_item_score_minus_infinity() -> None:
    best, items = exact_top_k(tf.constant([[1.0, 2.0]]), tf.constant([[True, False]]), 4)
    assert best.numpy().tolist() == [[1.0, -np.inf, -np.inf, -np.inf]]
    assert set(items.numpy().ravel()) <= {0, 1}


def test_scores_of_a_block_stay_within_a_budget() -> None:
    assert rows_at_once(10) == rows_at_once(3_700) == 1024
    for items in (100_000, 1_000_000):
        assert BLOCK_BYTES / 2 < 4 * items * rows_at_once(items) <= BLOCK_BYTES
    assert rows_at_once(10**12) == 1
