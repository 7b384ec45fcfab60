import numpy as np
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.data.sequence_rows import REMAINING, STEP
from recommenders_tf.layers import time_intervals, visible_steps


@pytest.fixture(scope="module")
def encoded(planted_log):
    return rtf.data.encode(planted_log)


@pytest.fixture(scope="module")
def model(encoded):
    made = rtf.models.TiSASRec(encoded.schema, embedding_dim=6, heads=2, longest=20)
    rows = made.training_rows(encoded)
    made.compute_loss(next(iter(rows.batches(2))))
    random = np.random.default_rng(0)
    for weight in made.trainable_weights:
        weight.assign_add(random.normal(0, 0.3, weight.shape))
    return made


def test_intervals_and_positions_lead_all_blocks(encoded, model) -> None:
    batch = next(iter(model.training_rows(encoded).batches(3)))
    remaining, times = batch[REMAINING], batch[STEP + "timestamp"]
    visible = visible_steps(remaining, causal=True)
    more = {
        "positions": model.positions(remaining),
        "related": time_intervals(times, visible, 20),
        "relations": model.intervals,
    }
    steps = 6**0.5 * model.steps(batch)
    for block in model.layers_of_blocks:
        steps = block(steps, visible, **more)
    expected = model.in_context(model.norm(steps), batch)
    np.testing.assert_allclose(model.states(batch, remaining), expected, rtol=1e-4, atol=1e-4)
    assert len(np.unique(more["related"])) > 10


def test_later_times_change_no_state(encoded, model) -> None:
    batch = next(iter(model.training_rows(encoded).batches(1)))
    remaining, times = batch[REMAINING], batch[STEP + "timestamp"].numpy()
    before = model.states(batch, remaining).numpy()
    end = int(remaining[0, 0])
    later = times.copy()
    later[0, end // 2 : end] = later[0, end // 2] + 1 + np.arange(end - end // 2)
    after = model.states(batch | {STEP + "timestamp": tf.constant(later)}, remaining).numpy()
    np.testing.assert_allclose(after[0, : end // 2], before[0, : end // 2], rtol=1e-4, atol=1e-5)
    assert not np.allclose(after[0, end // 2 : end], before[0, end // 2 : end], atol=1e-3)


def test_an_answer_reads_the_times_of_the_history(encoded, model) -> None:
    """The state behind it is that of the same steps in a row of training."""
    model.bind(encoded.tables)
    user, events = encoded.log.users["user_id"][0], encoded.log.events
    own = events[events["user_id"] == user].sort_values("timestamp", kind="stable")
    items = encoded.tables.items
    ids = items.features["item_id"].numpy()[items.index.get_indexer(own["item_id"])]
    length, count = model.column.max_length, len(own)
    assert 3 < count <= length
    steps, times = np.zeros([2, 1, length], np.int64)
    steps[0, :count], times[0, :count] = ids, own["timestamp"]
    remaining = np.zeros([1, length], np.int32)
    remaining[0, :count] = np.arange(count, 0, -1)
    # A request without a context has its missing value, which is 0.
    past = {"history": tf.constant(steps), "device": tf.zeros([1], tf.int64)}
    batch = past | {STEP + "timestamp": tf.constant(times)}
    state = model.states(batch, tf.constant(remaining)).numpy()[0, count - 1]
    expected = state @ model.table().numpy().T
    answer = model.recommend([user], k=10**6, exclude_seen=False)
    rows = items.features["item_id"].numpy()[items.index.get_indexer(answer["item_id"])]
    kept = rows >= 2
    np.testing.assert_allclose(answer["score"][kept], expected[rows[kept]], rtol=1e-3, atol=1e-3)
    timeless = model.states(past, tf.constant(remaining)).numpy()
    assert not np.allclose(timeless[0, count - 1], state, atol=1e-2)


def test_bad_arguments_are_named(encoded) -> None:
    with pytest.raises(ValueError, match="`longest` must be at least 1; it is 0"):
        rtf.models.TiSASRec(encoded.schema, longest=0)
