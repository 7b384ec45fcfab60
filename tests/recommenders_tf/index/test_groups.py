import numpy as np
import tensorflow as tf

from recommenders_tf.index.groups import WIDTH, best_of_groups


def test_the_best_of_the_chosen_groups_without_hidden_and_excluded_places() -> None:
    random = np.random.default_rng(0)
    table = random.standard_normal((8 * WIDTH, 5)).astype(np.float32)
    queries = random.standard_normal((3, 5)).astype(np.float32)
    hidden = random.random(8 * WIDTH) < 0.3
    groups = np.array([[2, 5, -1], [0, 7, 3], [-1, -1, -1]])
    allowed = np.zeros((3, 8 * WIDTH), bool)
    for query, group in zip(*np.nonzero(groups >= 0), strict=True):
        allowed[query, groups[query, group] * WIDTH :][:WIDTH] = True
    owners, places = np.array([0, 0, 1, 1, 2]), np.array([33, 5, 113, 60, 1])
    masked = np.where(allowed & ~hidden, queries @ table.T, -np.inf)
    masked[owners, places] = -np.inf
    out = hidden.reshape(8, WIDTH)[np.maximum(groups, 0)]
    scores, found = best_of_groups(
        queries, tf.constant(table), out, tf.constant(groups), (owners, places), 40
    )
    order = np.argsort(-masked, axis=1, kind="stable")[:, :40]
    best = np.take_along_axis(masked, order, axis=1)
    np.testing.assert_allclose(scores, best, rtol=1e-5)
    there = np.isfinite(best)
    assert there.any() and not there.all()
    np.testing.assert_array_equal(found.numpy()[there], order[there])
