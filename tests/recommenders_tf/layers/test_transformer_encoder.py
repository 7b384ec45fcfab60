import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers import TransformerEncoder, visible_steps
from tests.harness import run_layer_test

RANDOM = np.random.default_rng(0)
STEPS = tf.constant(RANDOM.normal(size=[3, 5, 4]), tf.float32)
REMAINING = tf.constant([[5, 4, 3, 2, 1], [2, 1, 3, 2, 1], [3, 2, 1, 0, 0]])


def test_contract() -> None:
    inputs = (STEPS, REMAINING)
    run_layer_test(lambda: TransformerEncoder(5, blocks=2, heads=2), inputs, (3, 5, 4), 27)


@pytest.mark.parametrize("causal", [True, False])
def test_positions_norm_and_blocks_one_after_another(causal) -> None:
    layer = TransformerEncoder(5, blocks=2, heads=2)
    layer(STEPS, REMAINING, causal)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    states = layer.norm(STEPS + layer.positions(REMAINING))
    for block in layer.layers_of_blocks:
        states = block(states, visible_steps(REMAINING, causal))
    np.testing.assert_allclose(layer(STEPS, REMAINING, causal), states, rtol=1e-4, atol=1e-5)


def test_who_sees_whom() -> None:
    """Earlier steps alone, or both sides of the own sequence, and never another one."""
    layer = TransformerEncoder(5, blocks=2)
    changed = STEPS + tf.constant(RANDOM.normal(size=4) * np.eye(5)[:, [2]], tf.float32)
    for causal, first in ((True, False), (False, True)):
        moved = np.abs(layer(changed, REMAINING, causal) - layer(STEPS, REMAINING, causal)).max(2)
        assert (moved[0] > 1e-6).tolist() == [first, first, True, True, True]
        assert (moved[1] > 1e-6).tolist() == [False, False, True, True, True]
