import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.losses import BPRMax

SCORES = np.random.default_rng(0).normal(0, 2, [6, 9]).astype(np.float32)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_equation(penalty) -> None:
    """Hidasi and Karatzoglou 2018, eq. 10."""
    expected = []
    for right, *wrong in SCORES.astype(float):
        wrong = np.array(wrong)
        s = np.exp(wrong) / np.exp(wrong).sum()
        gain = (s / (1 + np.exp(wrong - right))).sum()
        expected.append(-np.log(gain) + penalty * (s * wrong**2).sum())
    loss = BPRMax(penalty, reduction="none")(tf.zeros([6]), tf.constant(SCORES))
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_gradient_lives_where_negatives_are_far_above() -> None:
    scores = tf.Variable([[-200.0, 100.0, 90.0]])
    with tf.GradientTape() as tape:
        loss = BPRMax(penalty=0.0)(tf.zeros([1]), scores)
    gradient = tape.gradient(loss, scores).numpy()[0]
    np.testing.assert_allclose(loss, 290.0, rtol=0.05)
    assert np.isfinite(gradient).all()
    assert gradient[0] < -0.9


def test_what_is_left_out_counts_nothing() -> None:
    short = BPRMax(0.5)(tf.zeros([6]), tf.constant(SCORES[:, :5]))
    left_out = np.concatenate([SCORES[:, :5], np.full([6, 4], -1e9, np.float32)], axis=1)
    np.testing.assert_allclose(BPRMax(0.5)(tf.zeros([6]), tf.constant(left_out)), short, rtol=1e-5)


def test_config() -> None:
    assert BPRMax.from_config(BPRMax(0.3).get_config()).penalty == 0.3
