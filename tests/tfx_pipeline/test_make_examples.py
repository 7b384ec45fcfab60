"""Raw files to tf.Examples: the same events, splits and bad rows as the library's own reading."""

from __future__ import annotations

import dataclasses
import gzip
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from recommenders_tf import data
from recommenders_tf.data import LeakError
from recommenders_tf.schema import FeatureSchema
from tfx_pipeline import examples as examples_module
from tfx_pipeline.accounting import REPORT_FILE, ROWS_FILE, check_report
from tfx_pipeline.config import SplitConfig
from tfx_pipeline.examples import check_histories, with_histories
from tfx_pipeline.reading import find_spec, unknown_columns

KEY = ("user_id", "item_id", "timestamp")


def keys(examples):
    return sorted(tuple(example[name][0] for name in KEY) for example in examples)


def frame_keys(events):
    return sorted(events[list(KEY)].itertuples(index=False, name=None))


def as_set(examples):
    return {split: sorted(map(repr, map(sorted_items, rows))) for split, rows in examples.items()}


def sorted_items(example):
    return sorted(example.items())


def joined(log):
    events = log.events.merge(log.users, on="user_id").merge(log.items, on="item_id")
    return events.sort_values(["user_id", "timestamp"], ignore_index=True)


@pytest.fixture(scope="module")
def made(log, tmp_path_factory, settings, make_examples):
    folder = data.write_files(log, tmp_path_factory.mktemp("data"))
    return make_examples(log, folder, settings(log, tmp_path_factory.mktemp("out")))


def test_splits_are_those_of_the_library(log, made):
    train, test = log.split("leave_last_out")
    assert keys(made["train"]) == frame_keys(train.events)
    assert keys(made["eval"]) == frame_keys(test.events)
    assert sorted(e["item_id"][0] for e in made["items"]) == sorted(log.items["item_id"])
    assert sorted(e["user_id"][0] for e in made["users"]) == sorted(log.users["user_id"])


def test_examples_carry_the_raw_features_of_event_user_and_item(log, made):
    items, users = log.items.set_index("item_id"), log.users.set_index("user_id")
    events = log.events.set_index(list(KEY))
    for example in made["train"] + made["eval"]:
        item, user = items.loc[example["item_id"][0]], users.loc[example["user_id"][0]]
        assert example["genres"] == item["genres"]
        assert example["title"] == [item["title"]]
        price = [] if np.isnan(item["price"]) else [np.float32(item["price"])]
        assert example["price"] == price
        assert example["age"] == [user["age"]]
        event = events.loc[tuple(example[name][0] for name in KEY)]
        assert example["rating"] == [event["rating"]]
        assert example["device"] == [event["device"]]


def test_a_history_is_what_the_user_had_done_strictly_before(log, made):
    by_user = log.events.groupby("user_id")
    longest = log.schema["history"].max_length
    for example in made["train"] + made["eval"]:
        own = by_user.get_group(example["user_id"][0])
        past = own[own["timestamp"] < example["timestamp"][0]]
        past = past.sort_values("timestamp", kind="stable")
        assert example["history"] == past["item_id"].tolist()[-longest:]
        ages = example["timestamp"][0] - past["timestamp"]
        assert example["history_ages"] == ages.tolist()[-longest:]
    assert any(len(example["history"]) > 3 for example in made["eval"])


def test_a_split_by_time_is_that_of_the_library(log, folder, tmp_path, settings, make_examples):
    for split in (SplitConfig("time", test_share=0.2), SplitConfig("time", at=1_710_000_000)):
        train, test = log.split("time", test_share=split.test_share, at=split.at)
        config = settings(log, tmp_path / f"out-{split.at}", split=split)
        found = make_examples(log, folder, config)
        assert keys(found["train"]) == frame_keys(train.events)
        assert keys(found["eval"]) == frame_keys(test.events)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_a_cut_is_the_time_of_the_first_held_out_event(share):
    for times in ([1, 1, 2, 2], [5], [3, 1, 2, 2, 2, 9, 4, 4], list(range(10))):
        cut = examples_module._cut_of(pd.Series(times).value_counts(), share)
        assert cut == sorted(times)[int(len(times) * (1 - share))]


def test_a_planted_leak_is_caught(log):
    batch = with_histories(joined(log), log.schema)
    check_histories(batch, log.schema)
    place = batch.schema.get_field_index("history__times__")
    times = batch.column(place).to_pylist()
    row = next(i for i, entries in enumerate(times) if len(entries) > 2)
    times[row][1] = batch.column(batch.schema.get_field_index("timestamp"))[row].as_py()[0]
    columns = list(batch.columns)
    columns[place] = type(batch.column(place)).from_pandas(times)
    leaky = type(batch).from_arrays(columns, batch.schema.names)
    with pytest.raises(LeakError, match="which had not happened yet"):
        check_histories(leaky, log.schema)


def test_a_leak_planted_in_the_transform_stops_the_run(
    log, folder, tmp_path, settings, make_examples, monkeypatch
):
    def leaky(users, times, max_length):
        spans = data.history_spans(users, times, max_length)
        return dataclasses.replace(spans, end=np.minimum(spans.end + 1, len(times)))

    monkeypatch.setattr(examples_module, "history_spans", leaky)
    with pytest.raises(LeakError, match="which had not happened yet"):
        make_examples(log, folder, settings(log, tmp_path / "out"))


def spoil(folder):
    """Put every kind of bad row into the files."""
    events = (folder / "events.csv").read_text().splitlines()
    head, first, second = events[0], events[1], events[2]
    assert head == "user_id,item_id,device,timestamp,rating"
    user, item = first.split(",")[:2]
    events += [
        first,
        f"{user},{item},tv",
        f"-7,{item},tv,1700000000,3",
        f",{item},tv,1700000000,3",
        f"{user},{item},tv,1700000000,NaN",
        f"{user},{item},tv,99999999999,3",
        f"{user},{item},tv,yesterday,3",
        f"{user},nothing,tv,1700000000,3",
        f"nobody,{item},tv,1700000000,3",
        "nobody,nothing,tv,1700000000,3",
        second,
        "",
    ]
    (folder / "events.csv").write_text("\n".join(events), encoding="utf-8")
    for table in ("users", "items"):
        path = folder / f"{table}.csv"
        rows = path.read_text().splitlines()
        path.write_text("\n".join([*rows, rows[-1], "broken"]), encoding="utf-8")


def test_bad_rows_are_set_aside_counted_and_accounted_for(
    log, folder, tmp_path, settings, make_examples
):
    spoil(folder)
    limits = data.CleaningLimits(max_bad_share=0.1)
    config = settings(log, tmp_path / "out", cleaning=limits)
    spec = find_spec(None, config.files, log.schema, str(folder))
    expected = data.load_spec(spec, limits=limits, quarantine=tmp_path / "expected.jsonl")

    found = make_examples(log, folder, config)
    report = json.loads((tmp_path / "out" / REPORT_FILE).read_text())
    assert report["rows_in"] == expected.report.rows_in
    assert report["rows_used"] == expected.report.rows_used
    assert report["quarantined"] == expected.report.counts()
    assert len(report["quarantined"]["events"]) == 9
    assert keys(found["train"] + found["eval"]) == frame_keys(expected.events)
    records = [json.loads(line) for line in (tmp_path / "out" / ROWS_FILE).open()]
    bad = sum(sum(reasons.values()) for reasons in report["quarantined"].values())
    assert len(records) == bad
    assert {"table": "items", "reason": "row does not parse", "row": "broken"} in records
    assert any(r["reason"] == "not a number" and r["row"]["rating"] == "NaN" for r in records)

    check_report(report, 0.1, config.quarantine_dir)
    with pytest.raises(data.BadDataError, match=r"of `users` are bad .*rows.jsonl"):
        check_report(report, 0.01, config.quarantine_dir)
    report["rows_used"]["events"] -= 1
    with pytest.raises(RuntimeError, match="please report this bug"):
        check_report(report, 0.1, config.quarantine_dir)


def test_unknown_columns_are_named_and_missing_ones_stop_the_run(log, folder, settings, tmp_path):
    config = settings(log, tmp_path)
    items = pd.read_csv(folder / "items.csv")
    items.assign(colour="red").to_csv(folder / "items.csv", index=False)
    spec = find_spec(None, config.files, log.schema, str(folder))
    assert unknown_columns(spec) == {"items": ["colour"]}
    items.drop(columns="price").to_csv(folder / "items.csv", index=False)
    with pytest.raises(ValueError, match="`items` lacks the column `price`"):
        unknown_columns(spec)
    (folder / "users.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"users\.csv"):
        find_spec(None, config.files, log.schema, str(folder))


def test_gzip_and_parquet_give_the_same_examples(
    log, made, folder, tmp_path, settings, make_examples
):
    with (folder / "users.csv").open("rb") as plain, gzip.open(folder / "u.csv.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    log.events.to_parquet(folder / "events.parquet", row_group_size=100)
    log.items.to_parquet(folder / "items.parquet")
    files = {"events": "events.parquet", "users": "u.csv.gz", "items": "items.parquet"}
    found = make_examples(log, folder, settings(log, tmp_path / "out", files))
    assert as_set(found) == as_set(made)


def test_features_in_the_events_are_those_of_the_event(tmp_path, settings, make_examples):
    """Without tables of their own, the last features would be a leak."""
    schema = FeatureSchema.from_dict(
        {
            "name": "toy",
            "columns": {
                "user_id": {"kind": "id", "role": "user"},
                "mood": {"kind": "categorical", "role": "user"},
                "item_id": {"kind": "id", "role": "item"},
                "price": {"kind": "numeric", "role": "item"},
                "timestamp": {"kind": "timestamp", "role": "event_time"},
            },
        }
    )
    events = pd.DataFrame(
        [("a", "good", "x", 1.0, 10), ("a", "bad", "y", 2.0, 20), ("b", "good", "x", 3.0, 15)],
        columns=["user_id", "mood", "item_id", "price", "timestamp"],
    )
    log = data.load_files(events, schema=schema, quarantine=tmp_path / "q.jsonl")
    events.to_csv(tmp_path / "events.csv", index=False)
    config = settings(log, tmp_path / "out", {"events": "events.csv"})
    found = make_examples(log, tmp_path, config)
    moods = {tuple(e[k][0] for k in KEY): e["mood"][0] for e in found["train"] + found["eval"]}
    assert moods == {("a", "x", 10): "good", ("a", "y", 20): "bad", ("b", "x", 15): "good"}
    assert {e["user_id"][0]: e["mood"][0] for e in found["users"]} == {"a": "bad", "b": "good"}
    assert {e["item_id"][0]: e["price"][0] for e in found["items"]} == {"x": 3.0, "y": 2.0}


def test_another_runner_makes_the_same_examples(
    log, made, folder, tmp_path, settings, make_examples
):
    options = "--runner=PortableRunner --job_endpoint=embed --environment_type=LOOPBACK"
    found = make_examples(log, folder, settings(log, tmp_path / "out"), options)
    assert as_set(found) == as_set(made)


@pytest.mark.slow
def test_two_processes_make_the_same_examples(log, made, folder, tmp_path, settings, make_examples):
    options = "--direct_num_workers=2 --direct_running_mode=multi_processing"
    found = make_examples(log, folder, settings(log, tmp_path / "out"), options)
    assert as_set(found) == as_set(made)
