import tensorflow as tf

from recommenders_tf.layers import CausalAttention
from tests.harness import run_layer_test


def test_keeps_the_contract_of_layers() -> None:
    """What it computes is checked as SASRec's equations, in the tests of that model."""
    inputs = tf.random.stateless_normal([3, 5, 4], [0, 1])
    remaining = tf.constant([[5, 4, 3, 2, 1], [2, 1, 3, 2, 1], [1, 0, 0, 0, 0]])
    run_layer_test(lambda: CausalAttention(5, blocks=1), (inputs, remaining), (3, 5, 4), 13)
