import numpy as np
import tensorflow as tf

from recommenders_tf.losses import attribute_loss, pairwise_loss

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 3, [3, 4, 6]).astype(np.float32)
WEIGHTS = (RANDOM.uniform(size=[3, 4]) < 0.7) * 0.5


def test_attributes_are_told_by_the_cross_entropy_of_each() -> None:
    """Zhou et al. 2020, eq. 4 and 6, with a row of labels that the function does without."""
    labels = (RANDOM.uniform(size=[3, 4, 6]) < 0.3).astype(float)
    labels[0, 0], labels[1, 2] = 0, 1
    ids = np.where(labels > 0, np.arange(1, 7), 0)
    chances = 1 / (1 + np.exp(-LOGITS.astype(float)))
    each = -(labels * np.log(chances) + (1 - labels) * np.log(1 - chances)).sum(axis=2)
    actual = attribute_loss(tf.constant(LOGITS), tf.constant(ids), tf.constant(WEIGHTS, tf.float32))
    np.testing.assert_allclose(actual, (WEIGHTS * each).sum(), rtol=1e-5)


def test_no_attributes_at_all_are_told_too() -> None:
    none = tf.zeros([3, 4, 0], tf.int32)
    actual = attribute_loss(tf.constant(LOGITS), none, tf.ones([3, 4]))
    np.testing.assert_allclose(actual, np.log1p(np.exp(LOGITS)).sum(), rtol=1e-5)


def test_a_pair_is_in_order_by_the_logistic_loss() -> None:
    """Eq. 5, 7 and 8 with one negative; a great distance neither overflows nor vanishes."""
    right, wrong = RANDOM.normal(0, 2, [2, 3, 4]).astype(np.float32)
    expected = -(WEIGHTS * np.log(1 / (1 + np.exp(wrong - right)))).sum()
    actual = pairwise_loss(*(tf.constant(v, tf.float32) for v in (right, wrong, WEIGHTS)))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    far = pairwise_loss(tf.constant([-200.0]), tf.constant([200.0]), tf.ones([1]))
    assert float(far) == 400
