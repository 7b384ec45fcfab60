import numpy as np
import tensorflow as tf

from recommenders_tf.optimizers import CompositeOptimizer


def variables() -> list[tf.Variable]:
    return [tf.Variable([1.0, 2.0], name="wide/w"), tf.Variable([1.0, 2.0], name="deep/w")]


def step(optimizer: tf.keras.optimizers.Optimizer, values: list[tf.Variable]) -> None:
    optimizer.build(values)
    optimizer.apply_gradients([(tf.constant([0.5, -1.0]), value) for value in values])


def test_each_variable_moves_as_under_its_own_optimizer() -> None:
    both, alone = variables(), variables()
    composite = CompositeOptimizer(tf.keras.optimizers.Adam(0.1), {"wide/": "sgd"})
    adam, sgd = tf.keras.optimizers.Adam(0.1), tf.keras.optimizers.SGD()
    for _ in range(3):
        step(composite, both)
        step(sgd, alone[:1])
        step(adam, alone[1:])
    for a, b in zip(both, alone, strict=True):
        np.testing.assert_allclose(a, b)
    assert int(composite.iterations) == 3


def test_config_round_trip() -> None:
    optimizer = CompositeOptimizer(tf.keras.optimizers.Adam(0.1), {"wide/": "ftrl"})
    again = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    np.testing.assert_allclose(again.optimizers[1].learning_rate, 0.1)


def test_under_loss_scaling() -> None:
    values = variables()
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(
        CompositeOptimizer("sgd", {"wide/": tf.keras.optimizers.SGD(0.5)}),
        dynamic=False,
        initial_scale=8.0,
    )
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(value) for value in values])
    optimizer.minimize(loss, values, tape=tape)
    np.testing.assert_allclose(values[0], [0.5, 1.5])
    np.testing.assert_allclose(values[1], [0.99, 1.99])
