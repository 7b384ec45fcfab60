import dataclasses

import numpy as np
import pandas as pd
import pytest

from recommenders_tf.data import load_files, synthetic
from recommenders_tf.schema import FeatureSchema, SchemaError

COLUMNS = {
    "user": {"kind": "id", "role": "user"},
    "item": {"kind": "id", "role": "item"},
    "time": {"kind": "timestamp", "role": "event_time"},
}


@pytest.fixture
def log():
    rows = [
        ("a", "1", 10),
        ("b", "1", 50),
        ("a", "2", 30),
        ("a", "3", 30),  # the last of a: as late as the row above, but below it
        ("b", "2", 20),
        ("c", "1", 40),  # the only one of c
        ("a", "4", 20),
    ]
    frame = pd.DataFrame(rows, columns=["user", "item", "time"])
    return load_files(frame, schema=FeatureSchema.from_dict({"name": "toy", "columns": COLUMNS}))


def pairs(log):
    return list(zip(log.events["user"], log.events["item"], strict=True))


def test_leave_last_out_takes_the_last_event_of_each_user(log):
    train, test = log.split("leave_last_out")
    assert pairs(test) == [("b", "1"), ("a", "3")]
    assert pairs(train) == [("a", "1"), ("a", "2"), ("b", "2"), ("c", "1"), ("a", "4")]


def test_leave_last_out_with_validation_peels_twice(log):
    train, validation, test = log.split("leave_last_out", validation=True)
    assert pairs(test) == [("b", "1"), ("a", "3")]
    assert pairs(validation) == [("a", "2")]  # b has one event left, which stays in train
    assert pairs(train) == [("a", "1"), ("b", "2"), ("c", "1"), ("a", "4")]


def test_earlier_parts_are_the_past_of_later_ones(log):
    train, validation, test = log.split(validation=True)
    assert train.past is None
    pd.testing.assert_frame_equal(validation.past, train.events)
    assert len(test.past) == len(train) + len(validation)
    assert set(map(tuple, test.past.to_numpy())) == set(
        map(tuple, pd.concat([train.events, validation.events]).to_numpy())
    )


def test_a_past_that_is_there_is_kept(log):
    older = pd.DataFrame({"user": ["a"], "item": ["9"], "time": [1]})
    train, test = dataclasses.replace(log, past=older).split()
    assert train.past.equals(older)
    assert len(test.past) == 1 + len(train)


def test_leave_last_out_without_times_goes_by_row_order():
    schema = FeatureSchema.from_dict(
        {"columns": {name: COLUMNS[name] for name in ("user", "item")}}
    )
    frame = pd.DataFrame({"user": ["a", "b", "a", "b"], "item": ["1", "1", "2", "2"]})
    _, test = load_files(frame, schema=schema).split()
    assert pairs(test) == [("a", "2"), ("b", "2")]
    with pytest.raises(SchemaError, match="no column of role `event_time`"):
        load_files(frame, schema=schema).split("time")


def test_time_split_at_a_given_moment(log):
    train, test = log.split("time", at=30)
    assert train.events["time"].max() < 30
    assert test.events["time"].min() >= 30
    assert len(train) + len(test) == len(log)


def test_time_split_by_share_never_cuts_through_a_moment():
    log = synthetic(num_users=50, num_items=60, num_events=1_000)
    times = log.events["timestamp"] // 10_000_000 * 10_000_000 + 1  # two moments only
    log = dataclasses.replace(log, events=log.events.assign(timestamp=times))
    train, test = log.split("time", test_share=0.1)
    assert train.events["timestamp"].nunique() == test.events["timestamp"].nunique() == 1
    assert len(train) + len(test) == 1_000


def test_time_split_with_validation_has_three_parts_in_order():
    log = synthetic(num_users=50, num_items=60, num_events=1_000)
    parts = log.split("time", validation=True, test_share=0.2)
    assert [len(part) for part in parts] == [640, 160, 200]
    spans = [part.events["timestamp"].agg(["min", "max"]).tolist() for part in parts]
    assert np.ravel(spans).tolist() == sorted(np.ravel(spans))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": "by_day"}, "`strategy` must be one of leave_last_out, time, random"),
        ({"strategy": "time", "test_share": 1.5}, "`test_share` must lie between 0 and 1"),
        ({"strategy": "time", "at": 5}, "leaves no training events"),
        ({"strategy": "time", "at": 99}, "leaves no test events"),
    ],
)
def test_wrong_splits_say_what_is_wrong(log, arguments, message):
    with pytest.raises(ValueError, match=message):
        log.split(**arguments)


def test_what_a_log_tells_of_itself(log):
    assert len(log) == 7
    assert repr(log) == "EventLog('toy', events=7, users=3, items=4)"
    summary = log.summary()
    assert summary["density"] == pytest.approx(7 / 12)
    assert summary["first_event"] == "1970-01-01T00:00:10"
