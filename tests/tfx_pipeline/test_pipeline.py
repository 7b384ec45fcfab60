"""The whole DAG on a tiny log, run after run: killed, resumed, cached, rejected, stopped."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft

from recommenders_tf import data
from recommenders_tf.data import BadDataError
from recommenders_tf.data.histories import history_spans
from recommenders_tf.preprocessor import DEFAULT_MAX_LENGTH, Preprocessor, raw_batch
from recommenders_tf.schema import FeatureSchema, Kind, Role
from tests.harness import ask
from tfx_pipeline.__main__ import UNBLESSED, main, sentence
from tfx_pipeline.code_version import code_version
from tfx_pipeline.components.anomaly_gate import AnomalyError
from tfx_pipeline.preprocessing import with_lengths
from tfx_pipeline.runners import local
from tfx_pipeline.transform_encoder import TransformEncoder

BEFORE_TRAINING = (
    "ExampleGen",
    "FeatureSchemaGen",
    "StatisticsGen",
    "ExampleValidator",
    "AnomalyGate",
    "Transform",
)


class KilledError(Exception):
    """Stands for a signal that ends the process."""


def silent(step):
    """Take no notice of a step."""


@pytest.fixture(scope="module")
def tiny(log, tmp_path_factory, pipeline_config):
    """A log whose schema has every rule that is learned, its files and a config."""
    columns = log.schema.columns
    changed = [
        dataclasses.replace(columns["age"], boundaries=None, num_buckets=4),
        dataclasses.replace(columns["occupation"], min_count=12),
        dataclasses.replace(columns["title"], max_length=None, max_vocabulary=20),
        dataclasses.replace(columns["genres"], weighted=True),
        dataclasses.replace(columns["category"], hash_buckets=5),
    ]
    genres = [[f"{genre}:{len(genre) / 4}" for genre in genres] for genres in log.items["genres"]]
    items = log.items.assign(genres=genres)
    log = dataclasses.replace(log, items=items, schema=log.schema.replace(changed))
    root = tmp_path_factory.mktemp("pipeline")
    folder = data.write_files(log, root / "data")
    return log, pipeline_config(folder, root)


@pytest.fixture(scope="module")
def first(tiny):
    """The steps of a run that was killed when the Trainer began, and the run after it."""
    _, config = tiny
    steps = []

    def kill(step):
        if step.name == "Trainer":
            raise KilledError
        if step.execution is not None:
            steps.append(step)

    with pytest.raises(KilledError):
        local.run(config, kill)
    return steps, local.run(config, silent)


def versions(config):
    return sorted(path.name for path in pathlib.Path(config.serving_dir).iterdir())


def test_a_killed_run_goes_on_where_it_stopped(first):
    before, result = first
    assert {step.name: step.cached for step in before} == dict.fromkeys(BEFORE_TRAINING, False)
    cached = {step.name for step in result.steps if step.cached}
    assert cached == set(BEFORE_TRAINING)


def test_a_good_model_is_pushed(tiny, first):
    log, config = tiny
    _, result = first
    assert result.blessed
    assert not result.failures
    assert versions(config) == [pathlib.Path(result.pushed).name]
    assert result.rows["splits"] == {"train": len(log) - 80, "eval": 80}
    assert set(result.metrics["retriever"]) == {"HR@10", "NDCG@10"}
    assert 0 < result.metrics["popularity"]["HR@10"] < 1


def test_a_second_run_is_served_from_the_cache(tiny, first):
    _, config = tiny
    again = local.run(config, silent)
    assert again.all_cached
    assert again.pushed == first[1].pushed
    assert len(versions(config)) == 1


@pytest.fixture(scope="module")
def artifacts(tiny, first):
    """The newest folder of each artifact by component and key."""
    _, config = tiny
    root = pathlib.Path(config.pipeline_root)
    return lambda key: max((root / key).iterdir(), key=lambda path: int(path.name))


@pytest.fixture(scope="module")
def served(first):
    """The signatures of the pushed model."""
    model = tf.saved_model.load(first[1].pushed)
    return model, model.signatures


@pytest.fixture(scope="module")
def held_out(artifacts):
    """The held-out examples, serialized."""
    files = artifacts("ExampleGen/examples").glob("Split-eval/*.gz")
    records = tf.data.TFRecordDataset([str(path) for path in files], "GZIP")
    return tf.constant(list(records.as_numpy_iterator()))


def test_the_pushed_model_answers(tiny, served):
    log, _ = tiny
    _, signatures = served
    expected = {"recommend", "retrieve", "rank", "score", "serving_default", "transform_features"}
    assert expected < set(signatures)
    users = log.users["user_id"].tolist()[:5]
    answer = ask(
        signatures["recommend"],
        user_id=tf.constant(users),
        k=tf.constant(7),
        exclude_seen=tf.constant(True),
        device=tf.constant(["tv"]),
    )
    assert answer["item_id"].shape == (5, 7)
    train, _ = log.split()
    for user, row in zip(users, answer["item_id"].numpy(), strict=True):
        seen = set(train.events.loc[train.events["user_id"] == user, "item_id"])
        assert not seen & {item.decode() for item in row}
    assert np.all(np.diff(answer["score"].numpy(), axis=1) <= 0)


def test_serving_sees_the_features_that_training_saw(artifacts, served, held_out):
    """The transformed examples, and what the pushed model makes of the raw ones, are the same."""
    files = artifacts("Transform/transformed_examples").glob("Split-eval/*.gz")
    encoded = served[1]["transform_features"](examples=held_out)
    assert {"history", "history_mask", "history_ages", "device_x_category", "age", "rating"} <= set(
        encoded
    )
    records = tf.data.TFRecordDataset([str(path) for path in files], "GZIP")
    spec = {
        name: tf.io.FixedLenFeature(
            value.shape[1:], tf.float32 if value.dtype.is_floating else tf.int64
        )
        for name, value in encoded.items()
    }
    trained = tf.io.parse_example(list(records.as_numpy_iterator()), spec)

    def rows(batch):
        columns = [np.reshape(batch[n], [len(held_out), -1]) for n in sorted(spec)]
        table = np.concatenate([column.astype(np.float64) for column in columns], axis=1)
        return table[np.lexsort(table.T)]

    np.testing.assert_allclose(rows(encoded), rows(trained), rtol=1e-6)


def test_the_evaluator_measures_what_the_trainer_did(first, artifacts, served, held_out):
    metrics = first[1].metrics
    answer = served[1]["evaluate"](examples=held_out)
    for name in ("HR@10", "NDCG@10"):
        assert np.mean(answer[name]) == pytest.approx(metrics["retriever"][name], abs=1e-6)
    default = served[1]["serving_default"](examples=held_out)
    np.testing.assert_allclose(answer["score"], default["score"], rtol=1e-6)

    result = tfma.load_eval_result(str(artifacts("Evaluator/evaluation")))
    by_slice = dict(result.slicing_metrics)
    assert set(by_slice) == {(), (("gender", "F"),), (("gender", "M"),)}
    overall = by_slice[()]
    hit_rate = overall["HR@10"][""]["HR@10"]["doubleValue"]
    assert hit_rate == pytest.approx(metrics["retriever"]["HR@10"], abs=1e-6)
    auc = overall["score"][""]["auc"]["doubleValue"]
    assert auc == pytest.approx(metrics["ranker"]["auc"], abs=0.02)
    assert overall["score"][""]["example_count"]["doubleValue"] == len(held_out)


@pytest.fixture(scope="module")
def encoders(tiny, artifacts):
    """The encoder of the Transform graph, and a preprocessor fitted on the same training log."""
    log, _ = tiny
    schema = with_lengths(log.schema)
    output = tft.TFTransformOutput(str(artifacts("Transform/transform_graph")))
    train, _ = dataclasses.replace(log, schema=schema).split()
    return TransformEncoder(schema, output), output, Preprocessor.fit(train)


def raw_events(log, schema):
    """Return all raw features of the events of a log."""
    events = log.events.merge(log.users, on="user_id").merge(log.items, on="item_id")
    spans = history_spans(pd.factorize(events["user_id"])[0], events["timestamp"], 50)
    values, times = (events[name].to_numpy()[spans.order] for name in ("item_id", "timestamp"))
    ends = list(zip(spans.start, spans.end, strict=True))
    events["history"] = [values[i:j] for i, j in ends]
    now = events["timestamp"].to_numpy()
    events["history_ages"] = [now[row] - times[i:j] for row, (i, j) in enumerate(ends)]
    return raw_batch(events, [c for c in schema.features if c.kind is not Kind.CROSS])


def test_transform_learns_what_the_preprocessor_does(encoders):
    encoder, output, preprocessor = encoders
    assert encoder.schema.is_fitted
    for column in encoder.schema.features:
        same = preprocessor.schema[column.name]
        assert column.max_length == same.max_length, column.name
        if column.kind is not Kind.CROSS and column.has_ids:
            size = encoder.schema.vocabulary_size(column)
            assert size == preprocessor.schema.vocabulary_size(same), column.name
    assert encoder.schema["title"].max_length == DEFAULT_MAX_LENGTH
    for name, vocabulary in preprocessor.vocabularies.items():
        learned = {value.decode() for value in output.vocabulary_by_name(name)}
        if name == "title":  # which of the rarest words are kept is a tie
            assert len(learned & set(vocabulary)) >= 15
        else:
            assert learned == set(vocabulary), name


def test_with_the_same_vocabularies_both_encode_alike(tiny, encoders):
    log, _ = tiny
    encoder, output, preprocessor = encoders
    vocabularies = {
        name: np.array([value.decode() for value in output.vocabulary_by_name(name)], object)
        for name in preprocessor.vocabularies
    }
    # Buckets are approximate quantiles there and exact ones here.
    columns = [dataclasses.replace(c, mean=None, stddev=None) for c in encoder.schema.features]
    numeric = preprocessor.schema.select(kind=Kind.NUMERIC)
    same = Preprocessor(encoder.schema.replace([*columns, *numeric]), vocabularies)
    raw = raw_events(log, encoder.schema)
    expected, found = same.encode(raw), encoder.encode(raw)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        if name == "age":
            assert np.mean(found[name] == value) > 0.9
        else:
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_part_of_the_columns_is_encoded_alone(tiny, encoders):
    log, _ = tiny
    encoder, _, preprocessor = encoders
    items = [c for c in encoder.schema.stored if c.role is Role.ITEM]
    raw = raw_batch(log.items, items)
    assert set(encoder.encode(raw)) == set(preprocessor.encode(raw))
    assert encoder.encode({}) == {}
    context = {"device": tf.constant(["tv", "radio", ""])}
    assert set(encoder.encode(context)) == {"device"}
    assert encoder.encode(context)["device"].numpy().tolist()[1:] == [1, 0]


def test_a_model_that_is_not_good_enough_is_not_pushed(tiny, first, tmp_path, capsys):
    _, config = tiny
    pushed = versions(config)
    training = dataclasses.replace(config.ranker.training, batch_size=128)
    ranker = dataclasses.replace(config.ranker, training=training)
    must_improve = dataclasses.replace(config.evaluation, max_drop=-1.0)
    worse = local.run(dataclasses.replace(config, ranker=ranker, evaluation=must_improve), silent)
    assert not worse.blessed
    assert worse.pushed is None
    assert [failure.split()[0] for failure in worse.failures] == ["HR@10", "auc"]
    assert all("the last blessed model's" in failure for failure in worse.failures)
    trained = {step.name: step.cached for step in worse.steps}
    assert trained["Transform"]
    assert not trained["Trainer"]

    values = dataclasses.asdict(dataclasses.replace(config, ranker=ranker))
    values["evaluation"] |= {"auc": 1.01, "slices": ["gender"]}
    values["data"] |= {"files": {k: v for k, v in values["data"]["files"].items() if v}}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--config", str(path)])
    assert stopped.value.code == UNBLESSED
    printed = capsys.readouterr()
    assert "The model is not pushed: auc is 0." in printed.err
    assert printed.err.count("below the 1.0100 asked for") == 1
    assert "popularity" in printed.out
    assert "7/10  Trainer            cached" in printed.err
    assert versions(config) == pushed


def test_other_code_is_not_served_from_the_cache(tmp_path, monkeypatch):
    module = tmp_path / "some_rules.py"
    module.write_text("RULE = 1", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = code_version("some_rules", "recommenders_tf.data")
    assert code_version("some_rules", "recommenders_tf.data") == before
    module.write_text("RULE = 2", encoding="utf-8")
    assert code_version("some_rules", "recommenders_tf.data") != before


@pytest.mark.slow
def test_a_process_killed_while_training_goes_on(log, tmp_path, pipeline_config):
    folder = data.write_files(log, tmp_path / "data")
    parameters = {"hidden_units": [4]}
    ranker = {"model": "wide_deep", "training": {"epochs": 3000}, "parameters": parameters}
    values = dataclasses.asdict(pipeline_config(folder, tmp_path)) | {"ranker": ranker}
    path = tmp_path / "config.yaml"
    command = [sys.executable, "-m", "tfx_pipeline", "run", "--config", str(path)]

    def start():
        path.write_text(json.dumps(values), encoding="utf-8")
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    run = start()
    for line in run.stdout:
        if line.startswith("Epoch    3/3000"):
            run.kill()
            break
    assert run.wait() == -signal.SIGKILL
    said = start()
    lines = []
    for line in said.stdout:
        lines.append(line)
        if line.startswith("Epoch") and "/3000" in line:
            said.kill()
    said.wait()
    text = "".join(lines)
    assert " 6/10  Transform          cached" in text
    assert "Training two_tower" not in text
    assert "Training wide_deep" in text
    assert "Going on in epoch" in text


def test_bad_data_stop_the_run_and_stay_to_be_looked_at(log, tmp_path, pipeline_config):
    folder = data.write_files(log, tmp_path / "data")
    items = pd.read_csv(folder / "items.csv")
    items.drop(index=[3, 4]).to_csv(folder / "items.csv", index=False)
    config = pipeline_config(folder, tmp_path)
    with pytest.raises(BadDataError, match="item not in the item table") as stopped:
        local.run(config, silent)
    assert sentence(stopped.value).endswith("or raise `max_bad_share`.")
    rows = tmp_path / "pipeline" / "quarantine" / "rows.jsonl"
    assert str(rows) in str(stopped.value)
    assert json.loads(rows.read_text().splitlines()[0])["table"] == "events"


def test_an_anomaly_stops_the_run(log, tmp_path, pipeline_config):
    folder = data.write_files(log, tmp_path / "data")
    items = pd.read_csv(folder / "items.csv")
    items.assign(price="").to_csv(folder / "items.csv", index=False)
    steps = []
    with pytest.raises(AnomalyError, match=r"Column `price` of the split `\w+`") as stopped:
        local.run(pipeline_config(folder, tmp_path), steps.append)
    assert "\n" not in str(stopped.value)
    assert steps[-1].name == "AnomalyGate"


def test_the_schema_of_a_known_data_set_is_found_without_its_data(tmp_path, monkeypatch):
    from tfx_pipeline.config import DataConfig
    from tfx_pipeline.runners.kubeflow import find_schema

    monkeypatch.setenv("RECOMMENDERS_TF_DATA", str(tmp_path))
    schema = find_schema(DataConfig(dataset="movielens-100k"))
    assert schema.name == "movielens-100k"
    path = tmp_path / "own.yaml"
    schema.save(path)
    assert find_schema(DataConfig(dataset="movielens-100k", schema=str(path))) == schema
    assert FeatureSchema.load(path) == schema
