from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf.layers.reset_rows import reset_rows


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "rmsprop", "ftrl"])
def test_a_row_given_on_begins_anew_with_the_optimizers_slots(optimizer: str) -> None:
    table = tf.Variable(tf.random.normal([6, 3], seed=1), name="table")
    other = tf.Variable(tf.ones([6, 3]), name="other")
    optimizer = tf.keras.optimizers.get(optimizer)
    for _ in range(3):
        gradient = tf.IndexedSlices(tf.fill([2, 3], 0.7), tf.constant([2, 3]), tf.constant([6, 3]))
        optimizer.apply_gradients([(gradient, table), (tf.ones([6, 3]), other)])
    before, trained = table.numpy(), other.numpy()
    assert (before[3] != before[5]).all()

    reset = tf.function(
        lambda rows: reset_rows(table, rows, untouched=5, optimizer=optimizer), autograph=False
    )
    reset(tf.constant([3], tf.int64))
    np.testing.assert_array_equal(table[3], before[5])
    np.testing.assert_array_equal(table[2], before[2])
    np.testing.assert_array_equal(other, trained)
    slots = [v for v in optimizer.variables if v.shape == [6, 3] and "table" in v.name]
    assert slots
    for slot in slots:
        np.testing.assert_array_equal(slot[3], slot[5])
        assert (slot[2].numpy() != slot[5].numpy()).all(), "the neighbour keeps its own"
    for slot in [v for v in optimizer.variables if v.shape == [6, 3] and "other" in v.name]:
        np.testing.assert_array_equal(slot, np.broadcast_to(slot[0], [6, 3]))
