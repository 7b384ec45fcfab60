import dataclasses

import numpy as np
import pytest

from recommenders_tf import data
from recommenders_tf.data.sequence_rows import REMAINING, TARGETS, SequenceRows


def pairs(events, length):
    """All (item, target) windows of the rows, each a list of its pairs."""
    schema = data.spec("synthetic").schema
    column = dataclasses.replace(schema["history"], max_length=length)
    users, items, times = (np.array(part) for part in zip(*events, strict=True))
    rows = SequenceRows(users, items, times, schema, column)
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
    one = np.array([2])
    assert len(SequenceRows(one, one, one, schema, schema["history"])) == 0
