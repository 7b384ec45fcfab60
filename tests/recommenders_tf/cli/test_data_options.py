from __future__ import annotations

import dataclasses
import pathlib

import pytest

from recommenders_tf import data
from recommenders_tf.cli.data_options import DataOptions
from recommenders_tf.cli.main import main
from recommenders_tf.data import Split
from recommenders_tf.evaluation import Protocol
from recommenders_tf.schema import FeatureSchema

FILE = pathlib.Path("events.csv")
ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path):
    log = data.synthetic(num_users=20, num_items=30, num_events=300, seed=4)
    return data.write_files(log, tmp_path / "files")


def own(files, **changes):
    named = {table: files / f"{table}.csv" for table in ("events", "users", "items")}
    return DataOptions(**{**named, "schema": files / "schema.yaml", **changes})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"synthetic": True, "dataset": "x"}, "only one of --dataset, --synthetic and --events"),
        ({"events": FILE}, "--events needs --schema: draft one with `recommenders-tf schema"),
        ({"items": FILE, "synthetic": True}, "go with --events"),
        ({"schema": FILE}, "--schema goes with --dataset, --synthetic or --events"),
    ],
)
def test_options_that_contradict_each_other(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        DataOptions(**options)


def test_no_data_at_all():
    with pytest.raises(ValueError, match="Say which data: --dataset NAME"):
        DataOptions().load()


def test_an_unknown_data_set_lists_the_known_ones():
    with pytest.raises(ValueError, match="no data set 'ml'; there are movielens-100k"):
        DataOptions(dataset="ml").load()


def test_files_of_ones_own(files):
    source = own(files)
    log = source.load()
    assert (len(log), len(log.users), len(log.items)) == (300, 20, 30)
    assert source.name == "events"
    assert DataOptions.from_dict(source.to_dict()) == source


def test_what_is_left_out_is_told_on_stderr(files, capsys):
    lines = (files / "events.csv").read_text().splitlines()
    lines = [f"{lines[0]},colour", *(f"{line},red" for line in lines[1:])]
    lines[5] = ",".join(["", *lines[5].split(",")[1:]])
    (files / "events.csv").write_text("\n".join(lines))
    assert len(own(files).load()) == 299
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "unknown to the schema: colour of the events." in printed.err
    assert "Set aside 1 of 300 events, which are bad (missing id: 1); see" in printed.err
    with pytest.raises(data.BadDataError, match="1 of 300 rows"):
        own(files, max_bad_share=0.0).load()


def test_a_schema_in_place_of_a_data_sets_own(tmp_path):
    values = FeatureSchema.load(ROOT / "recommenders_tf/data/schemas/synthetic.yaml").to_dict()
    values["columns"]["loved"] = {
        "kind": "label",
        "role": "label",
        "source": "rating",
        "positive_from": 5.0,
    }
    FeatureSchema.from_dict(values).save(tmp_path / "schema.yaml")
    log = DataOptions(synthetic=True, schema=tmp_path / "schema.yaml").load()
    assert [c.name for c in log.schema.labels] == ["rating", "loved"]
    assert log.events["rating"].equals(DataOptions(synthetic=True).load().events["rating"])


def test_the_two_labels_of_movielens_1m_add_to_its_schema():
    own = FeatureSchema.load(ROOT / "recommenders_tf/data/schemas/movielens-1m.yaml")
    two = FeatureSchema.load(ROOT / "configs/schemas/movielens_1m_two_labels.yaml")
    assert [c.name for c in two.labels] == ["rating", "loved"]
    columns = two.to_dict()["columns"]
    del columns["loved"]
    assert columns == own.to_dict()["columns"]


def test_sampled_negatives_are_drawn_after_the_split_and_alike_in_training_and_evaluation(files):
    source = own(files, sampled_negatives=2)
    assert DataOptions.from_dict(source.to_dict()) == source
    log = source.load()
    by_time = Protocol(Split("time"))
    train, validation, test = source.split(log, by_time, validation=True)
    _, again = source.split(log, by_time)
    happened = log.split("time", validation=True)
    for part, own_events in zip((train, validation, test), happened, strict=True):
        assert len(part) == 3 * len(own_events)
        assert part.behaviours is not None
    assert test.events.equals(again.events)
    assert [len(part) for part in own(files).split(log, by_time)] == [270, 30]


def test_labels_must_suit_the_model(tmp_path, capsys):
    log = data.synthetic(num_users=20, num_items=30, num_events=300, seed=4)
    ones = dataclasses.replace(log, events=log.events.assign(rating=5.0))
    folder = data.write_files(ones, tmp_path / "ones")
    files = ["--events", str(folder / "events.csv"), "--users", str(folder / "users.csv")]
    files += ["--items", str(folder / "items.csv"), "--schema", str(folder / "schema.yaml")]
    for model, option, sentence in (
        ("dcn", [], "All events of `synthetic` have the same `rating`"),
        ("mf", ["--sampled-negatives", "1"], "`mf` retrieves and takes every event for a choice"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["train", "--model", model, *files, *option, "-o", str(tmp_path / "run")])
        assert stopped.value.code == 1
        assert sentence in " ".join(capsys.readouterr().err.split())
