import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.sequence_rows import REMAINING, STEP, TARGETS
from recommenders_tf.schema import SchemaError


@pytest.fixture(scope="module")
def model(planted_log):
    encoded = rtf.data.encode(planted_log)
    made = rtf.models.Caser(encoded.schema, embedding_dim=4, dropout=0.0, window=3)
    made.training_rows(encoded)
    made(next(iter(encoded.batches(2)))[0])
    random = np.random.default_rng(0)
    for weight in made.trainable_weights:
        weight.assign_add(random.normal(0, 0.3, weight.shape))
    return made


def rows(model):
    """Two sequences in one row, of the users 5 and 7."""
    length, remaining = model.column.max_length, np.zeros(model.column.max_length, np.int32)
    remaining[:7] = [4, 3, 2, 1, 3, 2, 1]
    random = np.random.default_rng(1)
    ids, following = (np.where(remaining, random.integers(2, 30, length), 0) for _ in range(2))
    following[:3], following[4:6] = ids[1:4], ids[5:7]
    users = np.array([5] * 4 + [7] * 3 + [0] * (length - 7))
    batch = {model.column.name: ids, TARGETS: following, REMAINING: remaining}
    batch |= {STEP + "user_id": users}  # and no context
    return {name: tf.constant(value[np.newaxis]) for name, value in batch.items()}


def test_scores_join_the_user_in_a_second_table_of_items(model) -> None:
    """Eq. 8 to 10."""
    batch = rows(model)
    remaining = batch[REMAINING]
    states = model.states(batch, remaining).numpy()[0]
    inputs = model.steps(batch)
    kernel, bias = (w.numpy() for w in model.dense.weights)
    z = np.maximum(model.convolve(inputs, remaining).numpy()[0] @ kernel + bias, 0)
    users = model.embed_user.table("user_id").numpy()[batch[STEP + "user_id"].numpy()[0]]
    expected = np.concatenate([z, users, np.ones([len(z), 1])], axis=1)
    np.testing.assert_allclose(states, expected, rtol=1e-4, atol=1e-5)
    request = {
        "history": tf.constant([batch["history"].numpy()[0, 4:7]]),
        "history_mask": tf.ones([1, 3], tf.bool),
        "user_id": tf.constant([7], tf.int64),
    }
    items = {"item_id": tf.range(model.num_items, dtype=tf.int64)}
    scores = model.score_candidates(model.encode_query(request), model.encode_candidates(items))
    table = model.embed_output.table("item_id").numpy()
    expected = states[6, :-1] @ table.T + model.bias.numpy()[:, 0]
    np.testing.assert_allclose(scores[0], expected, rtol=1e-3, atol=1e-4)


def test_each_step_is_trained_on_its_next_three(model) -> None:
    """Eq. 11: the targets that the task is asked for, and with which states."""
    batch = rows(model)
    asked = []

    class Task:
        def __call__(self, states, targets, weights, catalogue):
            asked.append((states.numpy(), targets.numpy()[0], weights.numpy()[0]))
            return tf.reduce_sum(weights)

    task = model.task
    object.__setattr__(model, "task", Task())
    try:
        assert float(model.compute_loss(batch)) == 1.0
    finally:
        object.__setattr__(model, "task", task)
    ((states, targets, weights),) = asked
    length, following = model.column.max_length, batch[TARGETS].numpy()[0]
    of_steps = [
        {targets[k * length + t] for k in range(3) if weights[k * length + t]} for t in range(7)
    ]
    ends = [4, 4, 4, 4, 7, 7, 7]
    assert of_steps == [set(following[t : min(t + 3, end)]) for t, end in enumerate(ends)]
    expected = np.tile(model.states(batch, batch[REMAINING]).numpy(), [1, 3, 1])
    np.testing.assert_allclose(states, expected, rtol=1e-5)


def test_who_is_asked_for_counts(model) -> None:
    request = {
        "history": tf.constant([[4, 9], [4, 9]]),
        "history_mask": tf.ones([2, 2], tf.bool),
        "user_id": tf.constant([7, 8], tf.int64),
    }
    query = model.encode_query(request).numpy()
    np.testing.assert_allclose(query[0, :4], query[1, :4], rtol=1e-5)
    assert not np.allclose(query[0, 4:8], query[1, 4:8])


def test_bad_arguments_are_named(model) -> None:
    with pytest.raises(ValueError, match="`targets` must be at least 1; it is 0"):
        rtf.models.Caser(model.schema, targets=0)
    growing = dataclasses.replace(model.schema.user_id, growing=True, max_vocabulary=50)
    with pytest.raises(SchemaError, match="`user_id` grows"):
        rtf.models.Caser(model.schema.replace([growing]))
