import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.tasks.replicas import gather_replicas


@pytest.fixture
def strategy():
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def test_own_rows_come_first_and_gradients_go_back(strategy) -> None:
    """Of unequal parts as well: each row's gradient is the sum over the replicas that saw it."""
    parts = [np.array([[1.0], [2.0]], np.float32), np.array([[5.0]], np.float32)]
    weights = [[1.0, 10.0, 100.0], [3.0, 30.0, 300.0]]

    rows, shares = (
        strategy.experimental_distribute_values_from_function(
            lambda context, values=values: tf.constant(values[context.replica_id_in_sync_group])
        )
        for values in (parts, weights)
    )

    @tf.function(autograph=False)
    def run(rows, shares):
        def step(rows, shares):
            with tf.GradientTape() as tape:
                tape.watch(rows)
                (found,) = gather_replicas([rows])
                loss = tf.reduce_sum(found[:, 0] * shares)
            return found, tape.gradient(loss, rows)

        return strategy.run(step, (rows, shares))

    found, gradients = (strategy.experimental_local_results(v) for v in run(rows, shares))
    np.testing.assert_array_equal(found[0][:, 0], [1, 2, 5])
    np.testing.assert_array_equal(found[1][:, 0], [5, 1, 2])
    np.testing.assert_array_equal(gradients[0][:, 0], [1 + 30, 10 + 300])
    np.testing.assert_array_equal(gradients[1][:, 0], [100 + 3])


def test_alone_nothing_is_gathered() -> None:
    rows = tf.constant([1, 2])
    assert gather_replicas([rows])[0] is rows
