import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import InterestRouting, visible_steps
from tests.harness import run_layer_test

REMAINING = tf.constant([[2, 1, 3, 2, 1], [0, 4, 3, 2, 1], [1, 0, 0, 0, 0]])
INPUTS = np.random.default_rng(0).normal(size=[3, 5, 4]).astype(np.float32)


@pytest.mark.parametrize("shared", [False, True])
def test_contract(shared) -> None:
    visible = visible_steps(REMAINING, causal=True)
    run_layer_test(
        lambda: InterestRouting(3, 5, shared), (tf.constant(INPUTS), visible), (3, 5, 3, 4), 1
    )


@pytest.mark.parametrize("shared", [False, True])
def test_is_the_algorithm_by_loops(shared) -> None:
    """Cen et al. 2020, algorithm 1; Li et al. 2019, algorithm 1: for each step by itself."""
    layer = InterestRouting(3, 5, shared)
    visible = visible_steps(REMAINING, causal=True).numpy()
    capsules = layer(tf.constant(INPUTS), tf.constant(visible)).numpy()
    begin = layer._first_logits(5).numpy()[0]
    assert shared == bool(begin.std() > 0)
    for row in range(3):
        for t in range(5):
            seen = np.flatnonzero(visible[row, t])
            if not len(seen):
                assert not capsules[row, t].any()
                continue
            told = INPUTS[row, seen] @ layer.kernel.numpy()
            told = np.tile(told, [1, 3]) if shared else told
            told = told.reshape(len(seen), 3, 4)
            logits = begin[t, seen]
            for _ in range(3):
                weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
                sums = np.einsum("jk,jkd->kd", weights, told)
                norms = np.linalg.norm(sums, axis=1, keepdims=True)
                found = norms**2 / (1 + norms**2) * sums / norms
                logits = logits + np.einsum("jkd,kd->jk", told, found)
            np.testing.assert_allclose(capsules[row, t], found, rtol=1e-3, atol=1e-5)


def test_capsules_that_share_a_matrix_differ() -> None:
    layer = InterestRouting(2, 5, shared=True)
    capsules = layer(tf.constant(INPUTS), visible_steps(REMAINING, causal=True)).numpy()
    assert np.abs(capsules[1, 4, 0] - capsules[1, 4, 1]).max() > 1e-3


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="must be at least 1; they are 0, 5 and 3"):
        InterestRouting(0, 5)
