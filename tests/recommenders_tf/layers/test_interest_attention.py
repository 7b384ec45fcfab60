import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import InterestAttention, visible_steps
from tests.harness import run_layer_test

REMAINING = tf.constant([[2, 1, 3, 2, 1], [0, 4, 3, 2, 1], [1, 0, 0, 0, 0]])
INPUTS = np.random.default_rng(0).normal(size=[3, 5, 4]).astype(np.float32)


def test_contract() -> None:
    visible = visible_steps(REMAINING, causal=True)
    run_layer_test(lambda: InterestAttention(3, 5), (tf.constant(INPUTS), visible), (3, 5, 3, 4), 3)


def test_equations_by_loops() -> None:
    """Cen et al. 2020, eq. 6 and 7, positions counted from the beginning of each sequence."""
    layer = InterestAttention(3, 5)
    visible = visible_steps(REMAINING, causal=True).numpy()
    layer(tf.constant(INPUTS), tf.constant(visible))
    random = np.random.default_rng(1)
    layer.set_weights([random.normal(size=w.shape) for w in layer.weights])
    found = layer(tf.constant(INPUTS), tf.constant(visible)).numpy()
    positions, w1, w2 = (
        layer.positions.vectors.numpy(),
        layer.hidden.kernel.numpy(),
        layer.weigh.kernel.numpy(),
    )
    for row in range(3):
        for t in range(5):
            seen = np.flatnonzero(visible[row, t])
            steps = INPUTS[row, seen]
            scores = np.tanh((steps + positions[: len(seen)]) @ w1) @ w2
            weights = np.exp(scores) / np.exp(scores).sum(axis=0)
            np.testing.assert_allclose(found[row, t], weights.T @ steps, rtol=1e-3, atol=1e-5)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="`interests` must be at least 1; it is 0"):
        InterestAttention(0, 5)
