import numpy as np
import pandas as pd
import pytest

from recommenders_tf.data.values import (
    CleaningLimits,
    row_reasons,
    to_numbers,
    to_seconds,
    to_typed,
)
from recommenders_tf.schema import Column, Kind, Role

KINDS = {
    "id": Column("c", Kind.ID, Role.USER),
    "number": Column("c", Kind.NUMERIC, Role.USER),
    "label": Column("c", Kind.LABEL, Role.LABEL),
    "time": Column("c", Kind.TIMESTAMP, Role.EVENT_TIME),
    "list": Column("c", Kind.MULTI_HOT, Role.ITEM, separator=";"),
    "text": Column("c", Kind.TEXT, Role.ITEM),
    "weighted": Column("c", Kind.MULTI_HOT, Role.ITEM, separator=";", weighted=True),
}


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("id", "7", ""),
        ("id", "a-1", ""),
        ("id", "", "missing id"),
        ("id", "NaN", "missing id"),
        ("id", "-7", "negative id"),
        ("number", "-7.5e3", ""),
        ("number", "", ""),
        ("number", "seven", "not a number"),
        ("number", "nan", "not a number"),
        ("number", "inf", "not a number"),
        ("label", "4", ""),
        ("label", "", "not a number"),
        ("label", "NaN", "not a number"),
        ("time", "978300760", ""),
        ("time", "2001-01-01", ""),
        ("time", "2001-01-01T00:00:05.9Z", ""),
        ("time", "", "missing time"),
        ("time", "yesterday", "not a time"),
        ("time", "2001-13-01", "not a time"),
        ("time", "inf", "not a time"),
        ("time", "0", "time out of range"),
        ("time", "-5", "time out of range"),
        ("time", "4102444800", "time out of range"),
        ("time", "978300760000", "time out of range"),
        ("list", "", ""),
        ("text", "", ""),
        ("weighted", "", ""),
        ("weighted", "a;b:0.5;12:30:2e-1;:7", ""),
        ("weighted", "a:1;b:x", "not a weight"),
        ("weighted", "b:", "not a weight"),
        ("weighted", "b:-1", "not a weight"),
        ("weighted", "b:nan", "not a weight"),
        ("weighted", "b:inf", "not a weight"),
        ("weighted", "b:1e99", "not a weight"),
        ("weighted", "b:\u0661", "not a weight"),
    ],
)
def test_each_value_by_itself_and_among_others(kind, value, reason):
    column, good = KINDS[kind], {"id": "1", "time": "5"}.get(kind, "1")
    for values in ([value], [good, value, good]):
        reasons = row_reasons(pd.DataFrame({"c": values}), [column], CleaningLimits())
        assert reasons.tolist() == [reason if v is value else "" for v in values]


def test_weights_in_lists_are_checked_row_by_row():
    frame = pd.DataFrame({"c": [["a:x"], [], ["a:2", "b"], ["a", "b:y"]]}, index=[5, 6, 7, 9])
    reasons = row_reasons(frame, [KINDS["weighted"]], CleaningLimits())
    assert reasons.to_dict() == {5: "not a weight", 6: "", 7: "", 9: "not a weight"}
    for empty in (frame.iloc[[1]], frame.iloc[:0]):
        assert not row_reasons(empty, [KINDS["weighted"]], CleaningLimits()).any()


def test_limits_of_time_can_be_set():
    limits = CleaningLimits(earliest=10, latest=20)
    reasons = row_reasons(pd.DataFrame({"c": ["9", "10", "19", "20"]}), [KINDS["time"]], limits)
    assert [bool(reason) for reason in reasons] == [True, False, False, True]


def test_a_row_with_several_faults_has_the_reason_of_its_id():
    frame = pd.DataFrame({"time": ["x"], "id": [""]})
    columns = [Column("time", Kind.TIMESTAMP, Role.EVENT_TIME), Column("id", Kind.ID, Role.USER)]
    assert row_reasons(frame, columns, CleaningLimits()).tolist() == ["missing id"]


def test_typed_values():
    frame = pd.DataFrame(
        {
            "number": ["1.5", ""],
            "time": ["5.9", "1970-01-01T00:01:00+00:00"],
            "list": ["a;b", ""],
            "text": ["Two Words", ""],
        },
        index=[3, 8],
    )
    columns = [
        Column(name, KINDS[name].kind, KINDS[name].role, separator=";") for name in frame.columns
    ]
    typed = to_typed(frame.assign(other="x"), columns)
    assert list(typed) == list(frame)
    assert typed.index.tolist() == [3, 8]
    np.testing.assert_array_equal(typed["number"], [1.5, np.nan])
    assert typed["time"].dtype == np.int64
    assert typed["time"].tolist() == [5, 60]
    assert typed["list"].tolist() == [["a", "b"], []]
    assert typed["text"].tolist() == ["Two Words", ""]


def test_lists_stay_lists():
    frame = pd.DataFrame({"c": [["a"], []]})
    assert to_typed(frame, [KINDS["list"]])["c"].tolist() == [["a"], []]


def test_numbers_and_seconds_among_bad_ones():
    values = pd.Series(["1", "", "x", "2001-01-01T01:00:00+01:00"], index=[5, 6, 7, 8])
    np.testing.assert_array_equal(to_numbers(values), [1, np.nan, np.nan, np.nan])
    seconds = to_seconds(values)
    np.testing.assert_array_equal(seconds, [1, np.nan, np.nan, 978307200])
    assert seconds.index.tolist() == [5, 6, 7, 8]
