import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import StreamingFrequency


def simulated(steps, buckets, rate):
    """Algorithm 2, one hit after another."""
    last, gaps, hits = np.zeros(buckets, int), np.zeros(buckets), np.zeros(buckets, int)
    for number, ids in enumerate(steps, 1):
        for place in ids % buckets:
            hits[place] += 1
            alpha = max(rate, 1 / hits[place])
            gaps[place] = (1 - alpha) * gaps[place] + alpha * (number - last[place])
            last[place] = number
    return np.where(hits > 0, 1 / np.maximum(gaps, 1e-30), 1 / (len(steps) + 1)), hits


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 1.0])
def test_is_the_algorithm_one_hit_after_another(rate, jit_compile) -> None:
    random = np.random.default_rng(0)
    steps = [np.minimum(random.geometric(0.2, 32) - 1, 30) for _ in range(60)]
    layer = StreamingFrequency(buckets=17, rate=rate)
    layer.build([None])
    update = tf.function(
        lambda ids: layer(ids, training=True), jit_compile=jit_compile, autograph=False
    )
    for ids in steps:
        answer = update(tf.constant(ids, tf.int64))
    expected, hits = simulated(steps, 17, rate)
    if rate < 1:  # or hits of one step leave a gap of 0
        np.testing.assert_allclose(layer(tf.range(17, dtype=tf.int64)), expected, rtol=1e-3)
        np.testing.assert_allclose(answer, expected[steps[-1] % 17], rtol=1e-3)
    np.testing.assert_array_equal(layer.hits, hits)


def test_follows_a_stream_that_changes_where_counts_do_not() -> None:
    """Sec. 4.2: one item falls from 4 to 0.5 hits a step, the other one rises likewise."""
    random = np.random.default_rng(1)
    layer, counts, steps = StreamingFrequency(buckets=4, rate=0.01), np.zeros(4), 3000
    update = tf.function(lambda ids: layer(ids, training=True))
    for step in range(steps):
        mean = (4, 0.5) if step < 0.7 * steps else (0.5, 4)
        ids = np.repeat([2, 3], random.poisson(mean))
        ids = np.append(ids, 1)
        counts += np.bincount(ids, minlength=4)
        update(tf.constant(ids))
    estimated = layer(tf.constant([2, 3, 1], tf.int64)).numpy()
    np.testing.assert_allclose(estimated, [0.5, 4, 1], rtol=0.35)
    assert counts[2] / steps > 4 * 0.5  # and the item that hardly comes any more
    assert counts[3] / steps < 0.5 * 4


def test_asking_changes_nothing_and_the_state_is_saved(tmp_path) -> None:
    layer = StreamingFrequency(buckets=5)
    layer(tf.constant([1, 1], tf.int64), training=True)
    before = [w.numpy() for w in layer.weights]
    layer(tf.constant([1, 3], tf.int64))
    for value, weight in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert not layer.trainable_weights
    assert len(layer.weights) == 4
    assert StreamingFrequency.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(("buckets", "rate"), [(0, 0.1), (5, 0.0), (5, 1.5)])
def test_bad_arguments_are_named(buckets, rate) -> None:
    with pytest.raises(ValueError, match="`buckets` must be at least 1 and `rate` above 0"):
        StreamingFrequency(buckets, rate)
