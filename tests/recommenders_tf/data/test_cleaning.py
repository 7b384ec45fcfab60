import json

import pandas as pd
import pytest

from recommenders_tf.data.cleaning import clean, event_columns, table_columns
from recommenders_tf.data.quarantine import BadDataError, CleaningReport, json_lines
from recommenders_tf.data.sources import RawRows
from recommenders_tf.data.values import CleaningLimits
from recommenders_tf.schema import FeatureSchema, SchemaError

LENIENT = CleaningLimits(max_bad_share=1.0)


@pytest.mark.parametrize(
    ("table", "line", "reason"),
    [
        ("events", "u1;i1;5;3;tv", "row does not parse"),
        ("events", ",i1,5,3,tv", "missing id"),
        ("events", "u1,nan,5,3,tv", "missing id"),
        ("events", "u1,-1,5,3,tv", "negative id"),
        ("events", "u1,i1,,3,tv", "missing time"),
        ("events", "u1,i1,soon,3,tv", "not a time"),
        ("events", "u1,i1,0,3,tv", "time out of range"),
        ("events", "u1,i1,5,NaN,tv", "not a number"),
        ("events", "u1,i1,5,good,tv", "not a number"),
        ("events", "u1,i1,101,4,phone", "duplicate event"),
        ("events", "nobody,i1,5,3,tv", "user not in the user table"),
        ("events", "u1,nothing,5,3,tv", "item not in the item table"),
        ("users", "u1,99", "duplicate id"),
        ("users", "u9,old", "not a number"),
        ("items", "i1,c", "duplicate id"),
        ("items", ",c", "missing id"),
        ("items", "i9", "row does not parse"),
    ],
)
def test_each_bad_row_goes_to_quarantine_with_its_reason(tables, schema, table, line, reason):
    clean_tables, _ = clean(tables(), schema)
    raw = tables(**{table: [line]})
    good, report = clean(raw, schema, LENIENT)
    assert report.counts() == {table: {reason: 1}}
    assert report.rows_in[table] == len(clean_tables[table]) + 1
    for name, frame in clean_tables.items():
        pd.testing.assert_frame_equal(good[name], frame)
    record = report.quarantine.iloc[0]
    if reason == "row does not parse":
        assert json.loads(record["row"]) == line
    else:
        assert list(json.loads(record["row"]).values()) == line.split(",")


def test_good_rows_are_typed(tables, schema, tmp_path):
    good, report = clean(tables(), schema, quarantine=tmp_path / "bad.jsonl")
    assert good["events"].iloc[1].to_dict() == {
        "user": "u1",
        "item": "i1",
        "device": "tv",
        "time": 101,
        "rating": 3.0,
    }
    assert good["items"]["genres"].tolist() == [["a", "b"], []]
    assert report.counts() == {}
    assert report.path is None and not (tmp_path / "bad.jsonl").exists()


def test_events_of_a_quarantined_item_go_too(tables, schema):
    raw = tables(items=["-5,x"], events=["u1,-5,7,1,tv"])
    _, report = clean(raw, schema, LENIENT)
    assert report.counts() == {"items": {"negative id": 1}, "events": {"negative id": 1}}


def test_every_row_is_accounted_for(tables, schema):
    bad = ["x", ",i1,5,3,tv", "u1,i1,0,3,tv", "u1,i1,101,4,phone", "nobody,i1,5,3,tv"]
    raw = tables(events=bad, users=["u1,99"], items=["nothing"])
    good, report = clean(raw, schema, LENIENT)
    for table, rows in raw.items():
        assert len(rows) == len(good[table]) + report.quarantined(table)
        assert report.rows_in[table] == report.rows_used[table] + report.quarantined(table)
    assert report.quarantined("events") == len(bad)


def test_a_row_that_got_lost_is_noticed():
    nothing = pd.DataFrame({"table": [], "reason": [], "row": []}, dtype=object)
    with pytest.raises(RuntimeError, match="Of 5 rows of `events`, 4 are used or quarantined"):
        CleaningReport({"events": 5}, {"events": 4}, nothing)


def test_the_quarantine_file_has_every_bad_row(tables, schema, tmp_path):
    path = tmp_path / "deep" / "bad.jsonl"
    raw = tables(events=["broken; \u2028 é", "nobody,i1,5,3,tv"])
    _, report = clean(raw, schema, LENIENT, path)
    assert report.path == path
    records = [json.loads(line) for line in path.read_text("utf-8").rstrip("\n").split("\n")]
    assert records == [
        {"table": "events", "reason": "row does not parse", "row": "broken; \u2028 é"},
        {
            "table": "events",
            "reason": "user not in the user table",
            "row": {"user": "nobody", "item": "i1", "time": "5", "rating": "3", "device": "tv"},
        },
    ]
    assert json_lines(report.quarantine) == path.read_text("utf-8").rstrip("\n").split("\n")


def test_too_large_a_share_stops_the_run(tables, schema, tmp_path):
    path = tmp_path / "bad.jsonl"
    raw = tables(good=98, events=["u1,i1,0,3,tv", "oops"])
    with pytest.raises(BadDataError) as caught:
        clean(raw, schema, quarantine=path)
    message = str(caught.value)
    assert "2 of 100 rows of `events` are bad" in message
    assert "row does not parse: 1" in message and "time out of range: 1" in message
    assert '"oops"' in message and str(path) in message and "`max_bad_share`" in message
    assert len(path.read_text().splitlines()) == 2
    _, report = clean(raw, schema, CleaningLimits(max_bad_share=0.02))
    assert report.quarantined("events") == 2


def test_the_share_counts_for_each_table(tables, schema):
    with pytest.raises(BadDataError, match="1 of 3 rows of `items` are bad"):
        clean(tables(good=500, items=["i1,c"]), schema)


def test_unknown_columns_are_reported_once_and_left_out(tables, schema):
    raw = tables()
    raw["users"] = RawRows(raw["users"].frame.assign(zip="1", shoe="2"))
    good, report = clean(raw, schema)
    assert report.unknown_columns == {"users": ("zip", "shoe")}
    assert list(good["users"]) == ["user", "age"]
    assert report.to_dict()["unknown_columns"] == {"users": ["zip", "shoe"]}


def test_a_missing_column_is_an_error(tables, schema):
    raw = tables()
    raw["events"] = RawRows(raw["events"].frame.drop(columns="rating"))
    with pytest.raises(SchemaError, match="Table `events` lacks the column `rating`"):
        clean(raw, schema)


def test_lists_where_single_values_belong_are_an_error(tables, schema):
    raw = tables()
    raw["users"] = RawRows(raw["users"].frame.assign(age=[["1"]] * 4))
    with pytest.raises(SchemaError, match="Column `age` of table `users` holds lists"):
        clean(raw, schema)


def test_without_tables_users_and_items_come_from_the_events(schema):
    frame = pd.DataFrame(
        {
            "user": ["a", "b", "a"],
            "age": ["1", "2", "3"],
            "item": ["x", "x", "y"],
            "genres": ["g", "g|h", ""],
            "device": "tv",
            "time": ["1", "2", "3"],
            "rating": "5",
        }
    )
    good, report = clean({"events": RawRows(frame)}, schema)
    assert good["users"].set_index("user")["age"].to_dict() == {"a": 3.0, "b": 2.0}
    assert good["items"].set_index("item")["genres"].to_dict() == {"x": ["g", "h"], "y": []}
    assert list(good["events"]) == ["user", "item", "device", "time", "rating"]
    assert list(report.rows_in) == ["events"]


def test_which_columns_stand_where(schema):
    alone = table_columns(schema, ["events"])
    assert [c.name for c in alone["events"]] == list(schema.columns)
    names = {k: [c.name for c in v] for k, v in table_columns(schema, ["events", "items"]).items()}
    assert names == {
        "events": ["user", "age", "item", "device", "time", "rating"],
        "items": ["item", "genres"],
    }
    assert [c.name for c in event_columns(schema)] == ["user", "item", "device", "time", "rating"]


def test_without_event_time_equal_events_are_duplicates():
    schema = FeatureSchema.from_dict(
        {
            "columns": {
                "user": {"kind": "id", "role": "user"},
                "item": {"kind": "id", "role": "item"},
                "device": {"kind": "categorical", "role": "context"},
            }
        }
    )
    frame = pd.DataFrame({"user": list("aaab"), "item": "x", "device": ["tv", "pc", "tv", "tv"]})
    good, report = clean({"events": RawRows(frame)}, schema, LENIENT)
    assert report.counts() == {"events": {"duplicate event": 1}}
    assert good["events"].to_numpy().tolist() == [
        ["a", "x", "tv"],
        ["a", "x", "pc"],
        ["b", "x", "tv"],
    ]
