from __future__ import annotations

import numpy as np
import tensorflow as tf

from recommenders_tf.layers import UniformNegatives
from recommenders_tf.schema import FIRST_ID


def test_every_id_is_drawn_alike_and_none_that_stands_for_nothing():
    drawn = UniformNegatives(12, 50, seed=3)(tf.zeros([400])).numpy()
    counts = np.bincount(drawn.ravel(), minlength=12)
    assert counts[:FIRST_ID].tolist() == [0] * FIRST_ID
    np.testing.assert_allclose(counts[FIRST_ID:], 20_000 / (12 - FIRST_ID), rtol=0.1)


def test_a_checkpoint_goes_on_with_the_draws(tmp_path):
    layer, other = UniformNegatives(10_000, 5, seed=3), UniformNegatives(10_000, 5, seed=4)
    examples = tf.zeros([4])
    assert layer(examples).numpy().tolist() != layer(examples).numpy().tolist()
    path = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "state"))
    expected = layer(examples).numpy()
    tf.train.Checkpoint(layer=other).read(path)
    np.testing.assert_array_equal(other(examples), expected)


def test_the_seed_of_the_process_makes_the_draws():
    def drawn():
        tf.keras.utils.set_random_seed(9)
        return UniformNegatives(10_000, 5)(tf.zeros([4])).numpy()

    np.testing.assert_array_equal(drawn(), drawn())
