import numpy as np
import tensorflow as tf

from recommenders_tf.index import exact_top_k


def test_best_allowed_first() -> None:
    random = np.random.default_rng(0)
    scores, allowed = random.normal(size=(7, 30)).astype(np.float32), random.random((7, 30)) < 0.5
    best, items = exact_top_k(tf.constant(scores), tf.constant(allowed), 5)
    for row in range(7):
        expected = sorted(np.flatnonzero(allowed[row]), key=lambda i: -scores[row, i])[:5]
        assert items[row].numpy().tolist() == expected
        np.testing.assert_array_equal(best[row], scores[row, expected])


def test_places_without_an_item_score_minus_infinity() -> None:
    best, _ = exact_top_k(tf.constant([[1.0, 2.0]]), tf.constant([[True, False]]), 4)
    assert best.numpy().tolist() == [[1.0, -np.inf, -np.inf, -np.inf]]
