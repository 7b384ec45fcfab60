import numpy as np
import tensorflow as tf

from recommenders_tf.layers import MiniBatchPenalty

TABLE = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
BATCHES = [[2, 3, 2, 0], [3, 3, 5, 5], [4, 2, 3, 0]]


def test_gradient_is_the_papers() -> None:
    """Zhou et al. 2018, equation 7: λ αⱼ wⱼ / nⱼ, nⱼ being the occurrences so far."""
    layer, table = MiniBatchPenalty(size=6, strength=0.1), tf.Variable(TABLE)

    @tf.function
    def gradient(ids):
        with tf.GradientTape() as tape:
            penalty = layer(ids, tf.gather(table, ids))
        return tf.convert_to_tensor(tape.gradient(penalty, table))

    seen = np.zeros(6)
    for batch in BATCHES:
        expected = np.zeros_like(TABLE)
        for id_ in set(batch) - {0}:
            seen[id_] += batch.count(id_)
            expected[id_] = 0.1 * TABLE[id_] / seen[id_]
        np.testing.assert_allclose(gradient(tf.constant(batch)), expected, rtol=1e-5)
    np.testing.assert_array_equal(layer.seen, seen)


def test_config_round_trip() -> None:
    layer = MiniBatchPenalty(size=6, strength=0.1)
    again = MiniBatchPenalty.from_config(layer.get_config())
    assert (again.size, again.strength) == (6, 0.1)
    assert again.seen.shape == layer.seen.shape
