import numpy as np
import pytest

from recommenders_tf.data.histories import LeakError, check_point_in_time, history_spans


def slow_histories(users, times, max_length):
    """The definition, one event at a time."""
    found = []
    for user, time in zip(users, times, strict=True):
        past = [j for j in range(len(users)) if users[j] == user and times[j] < time]
        past.sort(key=lambda j: times[j])
        found.append(past[-max_length:] if max_length else past)
    return found


@pytest.mark.parametrize("max_length", [None, 1, 3])
def test_spans_are_the_events_of_the_same_user_strictly_before(max_length):
    random = np.random.default_rng(0)
    users, times = random.integers(5, size=200), random.integers(30, size=200)  # with many ties
    spans = history_spans(users, times, max_length)
    found = [spans.order[i:j].tolist() for i, j in zip(spans.start, spans.end, strict=True)]
    assert found == slow_histories(users, times, max_length)


def test_ragged_lays_the_spans_end_to_end():
    spans = history_spans([1, 1, 2, 1], [5, 3, 4, 9])
    positions, splits = spans.ragged()
    assert splits.tolist() == [0, 1, 1, 1, 3]
    assert positions.tolist() == [1, 1, 0]


def test_no_events():
    spans = history_spans([], [])
    assert len(spans.order) == len(spans.start) == 0
    assert spans.ragged()[1].tolist() == [0]


@pytest.mark.parametrize("max_length", [None, 4])
def test_histories_pass_the_check(max_length):
    random = np.random.default_rng(1)
    users, times = random.integers(9, size=500), random.integers(99, size=500)
    positions, splits = history_spans(users, times, max_length).ragged()
    assert len(positions) > 500
    check_point_in_time(users, times, times[positions], splits)


@pytest.mark.parametrize("late", [0, 1])
def test_a_planted_leak_is_caught_and_named(late):
    users = np.array(["ann", "ann", "ann", "bob", "bob"])
    times = np.array([10, 20, 30, 10, 20])
    positions, splits = history_spans([0, 0, 0, 1, 1], times).ragged()
    history_times = times[positions]
    history_times[-1] = 20 + late  # bob's second event now has itself, or the future, behind it
    with pytest.raises(LeakError, match=f"user `bob` for the event at time 20 .* time {20 + late}"):
        check_point_in_time(users, times, history_times, splits)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`max_length` must be at least 1"):
        history_spans([1], [1], max_length=0)
    with pytest.raises(ValueError, match="Received: 2, 1"):
        history_spans([1, 2], [1])
