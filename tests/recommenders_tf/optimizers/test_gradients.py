from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.optimizers import clip_by_global_norm, micro_batch_gradients


@pytest.fixture(scope="module")
def encoded():
    return rtf.data.encode(rtf.data.synthetic(num_users=40, num_items=60, num_events=800, seed=2))


def weights_after(encoded, policy="float32", batch=51, **arguments):
    """Weights of a small ranker after three steps of plain gradient descent."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        tf.keras.utils.set_random_seed(5)
        model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(8,))
        model.compile(tf.keras.optimizers.SGD(0.5), **arguments)
        model.fit(encoded.batches(batch, shuffle=False).take(3), verbose=0)
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    return model.get_weights()


@pytest.mark.parametrize(("batch", "parts"), [(51, 2), (51, 4), (3, 5)])
def test_parts_of_a_batch_train_as_the_whole(encoded, batch, parts):
    whole = weights_after(encoded, batch=batch)
    in_parts = weights_after(encoded, batch=batch, micro_batches=parts)
    assert any(np.abs(weight).max() > 0.01 for weight in whole)
    for one, other in zip(whole, in_parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=2e-6)


def test_parts_train_under_a_scaled_loss(encoded):
    whole = weights_after(encoded, "mixed_float16")
    in_parts = weights_after(encoded, "mixed_float16", micro_batches=3, clip_norm=100.0)
    for one, other in zip(whole, in_parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=0.05, atol=0.003)


def test_gradients_of_a_table_stay_rows():
    table = tf.Variable(tf.ones([1_000, 2]))

    @tf.function(autograph=False)
    def step(ids):
        def compute(part):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.gather(table, part))
            return loss, tape.gradient(loss, [table])

        return micro_batch_gradients(compute, ids, 3)

    _, (gradient,) = step(tf.constant([7, 7, 900, 3]))
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.numpy().tolist() == [7, 7, 900, 3]
    np.testing.assert_allclose(tf.convert_to_tensor(gradient)[7], [0.25, 0.25])


def test_clipping_counts_a_row_once_and_with_its_sum(encoded):
    rows = tf.IndexedSlices(tf.constant([[3.0], [-3.0], [6.0]]), tf.constant([1, 1, 2]), [4, 1])
    clipped, none, dense = clip_by_global_norm([rows, None, tf.constant([8.0])], 5.0)
    np.testing.assert_allclose(tf.convert_to_tensor(clipped)[:, 0], [0, 0, 3, 0])
    assert none is None
    np.testing.assert_allclose(dense, [4.0])
    free, loose = weights_after(encoded), weights_after(encoded, clip_norm=1e6)
    for one, other in zip(free, loose, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


def test_the_norm_of_a_step_is_bounded_over_all_variables(encoded):
    tf.keras.utils.set_random_seed(5)
    model = rtf.models.WideDeep(encoded.schema, embedding_dim=4, hidden_units=(8,))
    model.compile(tf.keras.optimizers.SGD(1.0), clip_norm=1e-3)
    batch = encoded.batches(64, shuffle=False).take(1)
    model.evaluate(batch, verbose=0)
    before = [weight.numpy() for weight in model.trainable_weights]
    model.fit(batch, verbose=0)
    moved = [w.numpy() - was for w, was in zip(model.trainable_weights, before, strict=True)]
    norm = np.sqrt(sum((change**2).sum() for change in moved))
    np.testing.assert_allclose(norm, 1e-3, rtol=1e-2)
