from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import optimizers
from recommenders_tf.layers.reset_rows import reset_rows

keras = tf.keras.optimizers


OPTIMIZERS = {
    **{f"keras_{name}": lambda name=name: keras.get(name) for name in ("adam", "adagrad", "ftrl")},
    **{name: lambda name=name: optimizers.get(name) for name in optimizers.names()},
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "composite": lambda: optimizers.CompositeOptimizer(keras.SGD(), {"table": keras.Adagrad(0.1)}),
    "loss_scale": lambda: tf.keras.mixed_precision.LossScaleOptimizer(OPTIMIZERS["composite"]()),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_row_begins_anew_with_all_that_the_optimizer_keeps_of_it(name: str) -> None:
    table = tf.Variable(tf.random.normal([6, 3], seed=1), name="table")
    other = tf.Variable(tf.ones([6, 3]), name="other")
    rising = tf.reshape(tf.range(1.0, 19.0), [6, 3])
    optimizer = OPTIMIZERS[name]()
    for _ in range(3):
        gradient = tf.IndexedSlices(tf.fill([2, 3], 0.7), tf.constant([2, 3]), tf.constant([6, 3]))
        optimizer.apply_gradients([(gradient, table), (rising, other)])
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    kept = [v for part in getattr(inner, "optimizers", [inner]) for v in part.variables]
    slots = [v for v in kept if v.shape[:1] == [6] and "table" in v.name]
    others = [other, *(v for v in kept if "other" in v.name)]
    before, others_before = table.numpy(), [v.numpy() for v in others]
    assert (before[3] != before[5]).all()

    reset = tf.function(
        lambda rows: reset_rows(table, rows, untouched=5, optimizer=optimizer), autograph=False
    )
    reset(tf.constant([3], tf.int64))
    np.testing.assert_array_equal(table[3], before[5])
    np.testing.assert_array_equal(table[2], before[2])
    assert slots or name == "sgd"
    for slot in slots:
        np.testing.assert_array_equal(slot[3], slot[5])
        assert (slot[2].numpy() != slot[5].numpy()).all(), "the neighbour keeps its own"
    for variable, values in zip(others, others_before, strict=True):
        np.testing.assert_array_equal(variable, values)
