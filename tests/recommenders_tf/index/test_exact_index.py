import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.index import ExactConfig, ExactIndex


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("items", "k"), [(1, 1), (17, 20), (1000, 3), (1000, 300), (20_003, 10)])
def test_equals_a_sort_where_many_scores_are_equal(items, k, dtype) -> None:
    random = np.random.default_rng(items)
    vectors = random.integers(-3, 4, (items, 8)).astype(np.float32)
    queries = random.integers(-3, 4, (9, 8)).astype(np.float32)
    index = ExactIndex(vectors, np.arange(items), config=ExactConfig(dtype))
    seen = [list(random.integers(0, items, number)) for number in (0, 1, 5, 40, 0, 0, 3, 90, 2)]
    scores, ids = index.search(queries, k, exclude=seen)
    masked = queries @ vectors.T
    for query, own in enumerate(seen):
        masked[query, own] = -np.inf
    order = np.argsort(-masked, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(masked, order, axis=1)
    np.testing.assert_array_equal(scores[:, : best.shape[1]], best)
    there = np.isfinite(best)
    np.testing.assert_array_equal(ids[:, : best.shape[1]][there], order[there])
    assert (ids[:, best.shape[1] :] == -1).all()


def test_float32_scores_are_those_of_the_vectors() -> None:
    vectors = np.random.default_rng(0).standard_normal((5000, 16)).astype(np.float32)
    index = ExactIndex(vectors, np.arange(5000))
    scores, ids = index.search(vectors[:7], 5)
    np.testing.assert_allclose(scores, np.sum(vectors[:7, None] * vectors[ids], axis=2), rtol=1e-5)
    assert index.is_exact() and not ExactIndex(vectors, ids=range(5000), config=BFLOAT16).is_exact()


BFLOAT16 = ExactConfig("bfloat16")


def test_bfloat16_takes_half_the_memory_and_finds_what_rounding_leaves() -> None:
    vectors = np.random.default_rng(0).standard_normal((20_000, 16)).astype(np.float32)
    index = ExactIndex(vectors, np.arange(20_000), config=BFLOAT16)
    assert index.table.dtype == tf.bfloat16
    rounded = tf.cast(tf.cast(vectors, tf.bfloat16), tf.float32).numpy()
    _, ids = index.search(vectors[:50], 10)
    best = np.argsort(-vectors[:50] @ rounded.T, axis=1)[:, :10]
    shared = np.mean([len(set(a) & set(b)) for a, b in zip(ids, best, strict=True)])
    assert shared >= 9.8


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(ValueError, match="`dtype` is 'int8': choose float32 or bfloat16"):
        ExactConfig("int8")


def test_the_last_item_that_is_left_is_found_among_excluded_ones() -> None:
    """What fills up the last group repeats its last item, and is excluded with it."""
    vectors = np.linspace(1, 2, 2001, dtype=np.float32)[:, np.newaxis]
    index = ExactIndex(vectors, np.arange(2001))
    assert index.search([[1.0]], 1, exclude=[range(1, 2001)])[1].tolist() == [[0]]
