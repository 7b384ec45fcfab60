"""The components that TFX lacks, each by itself."""

from __future__ import annotations

import pathlib

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow.core.protobuf import saved_model_pb2
from tfx.components.evaluator import constants
from tfx.types.standard_artifacts import ExampleAnomalies, Model, ModelBlessing, PushedModel

from tfx_pipeline.components import pusher
from tfx_pipeline.components.anomaly_gate import AnomalyError, AnomalyGate_Executor
from tfx_pipeline.components.last_blessed_model import (
    BLESSING,
    CANDIDATE,
    MODEL,
    LastBlessedModelStrategy,
)
from tfx_pipeline.components.schema_gen import to_parsed_tfmd


@pytest.fixture
def make_model(tmp_path):
    """Make a model artifact, with the outputs of the signatures that evaluation asks."""

    def make(number: int, label: str = "rating", written: bool = True) -> Model:
        artifact = Model()
        artifact.id, artifact.uri = number, str(tmp_path / str(number))
        proto = saved_model_pb2.SavedModel()
        signatures = proto.meta_graphs.add().signature_def
        signatures["evaluate"].outputs["score"].name = "score"
        signatures["labels"].outputs[label].name = "label"
        if written:
            folder = tmp_path / str(number) / "Format-Serving"
            folder.mkdir(parents=True)
            (folder / "saved_model.pb").write_bytes(proto.SerializeToString())
        return artifact

    return make


def blessing(model: Model, blessed: bool = True) -> ModelBlessing:
    artifact = ModelBlessing()
    artifact.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    artifact.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(blessed))
    return artifact


def last(candidate: Model, models: list[Model], blessings: list[ModelBlessing]) -> list[int]:
    inputs = {CANDIDATE: [candidate], MODEL: models, BLESSING: blessings}
    found = LastBlessedModelStrategy().resolve_artifacts(None, inputs)
    assert found[CANDIDATE] == [candidate]
    return [model.id for model in found[MODEL]]


def test_the_last_blessed_model_that_compares_is_found(make_model):
    one, two, three = (make_model(number) for number in (1, 2, 3))
    models = [one, two, three]
    assert last(three, models, [blessing(m) for m in models]) == [2]
    assert last(three, models, [blessing(one), blessing(two, False), blessing(three)]) == [1]
    assert last(one, [one], [blessing(one)]) == []
    renamed, gone = make_model(4, label="click"), make_model(5, written=False)
    later = [*models, renamed, gone]
    assert last(three, later, [blessing(m) for m in later]) == [2]


def test_a_version_appears_whole(make_model, tmp_path, monkeypatch):
    """The folder with the version's name is there only when all of the model is."""
    served, pushed = tmp_path / "served", PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    seen = []
    copy = pusher.executor.io_utils.copy_file
    monkeypatch.setattr(
        pusher.executor.io_utils,
        "copy_file",
        lambda *a, **k: (seen.extend(p.name for p in served.iterdir()), copy(*a, **k)),
    )
    model, verdict = make_model(1), blessing(make_model(2))
    verdict.uri = str(tmp_path)
    (tmp_path / constants.BLESSED_FILE_NAME).touch()
    destination = f'{{"filesystem": {{"base_directory": "{served}"}}}}'
    pusher.Executor().Do(
        {"model": [model], "model_blessing": [verdict]},
        {"pushed_model": [pushed]},
        {"push_destination": destination},
    )
    assert seen
    assert not [name for name in seen if name.isdigit()]
    (version,) = served.iterdir()
    assert version.name.isdigit()
    assert (version / "saved_model.pb").exists()
    assert pathlib.Path(pushed.get_string_custom_property("pushed_destination")) == version


def test_what_validation_finds_stops_the_run(log, tmp_path):
    schema = to_parsed_tfmd(log.schema)
    events = log.events.merge(log.users, on="user_id").merge(log.items, on="item_id")
    events = events.drop(columns=["genres"]).reset_index(drop=True)
    artifact = ExampleAnomalies()
    artifact.uri, artifact.split_names = str(tmp_path), '["train"]'
    (tmp_path / "Split-train").mkdir()

    def gate(frame: pd.DataFrame) -> None:
        statistics = tfdv.generate_statistics_from_dataframe(frame)
        found = tfdv.validate_statistics(statistics, schema)
        (tmp_path / "Split-train" / "SchemaDiff.pb").write_bytes(found.SerializeToString())
        AnomalyGate_Executor().Do({"anomalies": [artifact]}, {}, {})

    gate(events)
    for spoilt in (events.drop(columns=["rating"]), events.assign(rating="good")):
        with pytest.raises(AnomalyError, match="Column `rating` of the split `train` is not what"):
            gate(spoilt)
