import dataclasses
import os

import pandas as pd
import pytest

from recommenders_tf import data
from recommenders_tf.schema import FeatureSchema, SchemaError


@pytest.fixture
def frames():
    events = pd.DataFrame(
        {
            "user": [1, 1, 2],
            "item": ["x", "y", "x"],
            "device": ["tv", None, "pc"],
            "time": pd.to_datetime([10, 20, 30], unit="s"),
            "rating": [5, 3, 4],
        }
    )
    users = pd.DataFrame({"user": [1, 2], "age": [30.0, None]})
    items = pd.DataFrame({"item": ["x", "y", "z"], "genres": [["a", "b"], [], ["c"]]})
    return {"events": events, "users": users, "items": items}


def check(log):
    assert log.events["user"].tolist() == ["1", "1", "2"]
    assert log.events["device"].tolist() == ["tv", "", "pc"]
    assert log.events["time"].tolist() == [10, 20, 30]
    assert log.events["rating"].tolist() == [5.0, 3.0, 4.0]
    assert log.users["age"].isna().tolist() == [False, True]
    assert log.items["genres"].tolist() == [["a", "b"], [], ["c"]]
    assert sum(log.report.rows_used.values()) == 8


def test_frames_parquet_and_csv_give_the_same_log(frames, schema, tmp_path):
    from_frames = data.load_files(**frames, schema=schema)
    check(from_frames)
    paths = {name: tmp_path / f"{name}.parquet" for name in frames}
    for name, frame in frames.items():
        frame.to_parquet(paths[name])
    check(data.load_files(**paths, schema=schema))
    folder = data.write_files(from_frames, tmp_path / "csv")
    paths = {name: str(folder / f"{name}.csv") for name in frames}
    check(data.load_files(**paths, schema=folder / "schema.yaml"))


def test_a_source_of_another_layout(schema, tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("1 x 10\n2 y 20\n")
    columns = {name: schema[name].to_dict() for name in ("user", "item", "time")}
    small = FeatureSchema.from_dict({"name": "small", "columns": columns})
    source = data.TableSource(path, delimiter=" ", columns=("user", "item", "time"))
    assert len(data.load_files(source, schema=small)) == 2


def test_what_is_written_reads_back_the_same(tmp_path):
    log = data.synthetic(num_users=30, num_items=40, num_events=300)
    folder = data.write_files(log, tmp_path)
    tables = [folder / f"{name}.csv" for name in ("events", "users", "items")]
    again = data.load_files(*tables, schema=folder / "schema.yaml")
    assert again.schema == log.schema
    for name in ("events", "users", "items"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(log, name), check_like=True)


def test_text_of_several_lines_stays_one_record(tmp_path):
    log = data.synthetic(num_users=5, num_items=5, num_events=10)
    items = log.items.assign(title='one\r\ntwo, "three"')
    data.write_files(dataclasses.replace(log, items=items), tmp_path)
    raw = data.TableSource.of(tmp_path / "items.csv").read()
    assert raw.frame["title"].unique().tolist() == ['one two, "three"']
    assert len(raw) == 5


def test_files_that_would_not_change_are_left_alone(tmp_path):
    log = data.synthetic(num_users=5, num_items=5, num_events=10)
    for path in data.write_files(log, tmp_path).iterdir():
        os.utime(path, (1, 1))
    changed = dataclasses.replace(log, users=log.users.assign(gender="F"))
    data.write_files(changed, tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.stat().st_mtime > 1] == ["users.csv"]


def test_the_synthetic_spec_reads_as_the_log_itself():
    spec = data.spec("synthetic")
    from_files = data.load_spec(spec)
    pd.testing.assert_frame_equal(from_files.events, data.synthetic().events, check_like=True)


def test_wrong_input_says_what_is_wrong(frames, schema, tmp_path):
    events = frames["events"]
    with pytest.raises(SchemaError, match="Table `events` lacks the column `rating`"):
        data.load_files(**frames | {"events": events.drop(columns="rating")}, schema=schema)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        data.load_files(tmp_path / "nowhere.csv", schema=schema)
    with pytest.raises(ValueError, match=r"ends in neither \.csv"):
        data.load_files("events.xlsx", schema=schema)
