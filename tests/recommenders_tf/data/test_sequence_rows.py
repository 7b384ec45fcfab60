import dataclasses

import numpy as np
import pytest

from recommenders_tf import data
from recommenders_tf.data.sequence_rows import REMAINING, STEP, TARGETS, SequenceRows


def columns(events):
    names = ("user_id", "item_id", "timestamp", "device", "category")
    parts = (np.array(part) for part in zip(*events, strict=True))
    return dict(zip(names, parts, strict=False))


def pairs(events, length):
    """All (item, target) windows of the rows, each a list of its pairs."""
    schema = data.spec("synthetic").schema
    column = dataclasses.replace(schema["history"], max_length=length)
    rows = SequenceRows(columns(events), schema, column)
    found = []
    for batch in rows.batches(2, shuffle=False).as_numpy_iterator():
        assert batch["history"].shape[1] == length
        np.testing.assert_array_equal(batch["history_mask"], batch[REMAINING] > 0)
        for inputs, targets, remaining in zip(
            batch["history"], batch[TARGETS], batch[REMAINING], strict=True
        ):
            assert not inputs[remaining == 0].any()
            assert not targets[remaining == 0].any()
            starts = [t for t in range(length) if remaining[t] and (not t or remaining[t - 1] < 2)]
            for t in starts:
                span = slice(t, t + remaining[t])
                np.testing.assert_array_equal(remaining[span], np.arange(remaining[t], 0, -1))
                found.append(list(zip(inputs[span].tolist(), targets[span].tolist(), strict=True)))
    return sorted(found)


def test_steps_in_order_of_time_each_with_the_next() -> None:
    events = [(3, 20, 9), (2, 10, 5), (3, 21, 1), (2, 11, 7), (2, 12, 6), (4, 30, 0)]
    assert pairs(events, 4) == [[(10, 12), (12, 11)], [(21, 20)]]


@pytest.mark.parametrize("count", [2, 4, 5, 6, 9, 23])
def test_long_sequences_are_cut_from_their_end_and_every_step_is_there(count) -> None:
    events = [(2, 10 + t, t) for t in range(count)] + [(3, 50, 0), (3, 51, 1)]
    windows = [w for w in pairs(events, 4) if w[0][0] < 50]
    assert sorted(p for w in windows for p in w) == [(10 + t, 11 + t) for t in range(count - 1)]
    assert all(len(w) == 4 for w in windows[1:])  # the rest is at the beginning


def test_events_of_one_time_stay_in_their_order() -> None:
    assert pairs([(2, 10, 5), (2, 11, 5), (2, 9, 5)], 4) == [[(10, 11), (11, 9)]]


def test_users_of_one_event_have_no_step() -> None:
    schema = data.spec("synthetic").schema
    assert len(SequenceRows(columns([(2, 2, 2)]), schema, schema["history"])) == 0


@pytest.mark.parametrize("with_last", [False, True])
def test_context_is_of_the_request_that_a_step_tells_and_the_rest_of_its_own_event(
    with_last,
) -> None:
    """(user, item, time, device, category): a step that tells the next item sees that request's."""
    schema = data.spec("synthetic").schema
    column = dataclasses.replace(schema["history"], max_length=4)
    events = [(2, 10, 1, 100, 1000), (2, 12, 3, 102, 1002), (2, 11, 2, 101, 1001)]
    rows = SequenceRows(columns(events), schema, column, with_last, details=["timestamp"])
    batch = next(rows.batches(1).as_numpy_iterator())
    count = 3 if with_last else 2
    assert batch["history"][0].tolist() == [10, 11, 12, 0][:count] + [0] * (4 - count)
    assert batch[STEP + "category"][0, :count].tolist() == [1000, 1001, 1002][:count]
    assert batch[STEP + "timestamp"][0, :count].tolist() == [1, 2, 3][:count]
    device = [100, 101, 102] if with_last else [101, 102]
    assert batch[STEP + "device"][0].tolist() == device + [0] * (4 - count)
    assert STEP + "user_id" not in batch
