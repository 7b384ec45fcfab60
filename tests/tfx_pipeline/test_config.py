from __future__ import annotations

import pathlib

import pytest
import yaml

from recommenders_tf.training import TrainingConfig
from recommenders_tf.typed_config import ConfigError, from_dict
from tfx_pipeline.config import PipelineConfig

CONFIGS = sorted((pathlib.Path(__file__).parents[2] / "configs").glob("*.yaml"))

MINIMAL = {
    "name": "toy",
    "data": {"dataset": "synthetic"},
    "retriever": {"model": "two_tower"},
    "ranker": {"model": "wide_deep"},
    "evaluation": {"hit_rate": 0.1, "auc": 0.7},
    "pipeline_root": "root",
    "serving_dir": "models",
}


def changed(path: str, value: object) -> dict:
    values = yaml.safe_load(yaml.safe_dump(MINIMAL))
    *sections, key = path.split(".")
    section = values
    for name in sections:
        section = section[name]
    section[key] = value
    return values


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_load(path):
    config = PipelineConfig.load(path)
    assert config.evaluation.auc > 0.5
    assert config.kubeflow is not None


def test_values_arrive_typed_and_frozen():
    config = from_dict(PipelineConfig, changed("evaluation.hit_rate", 1))
    assert config.evaluation.hit_rate == 1.0
    assert isinstance(config.evaluation.hit_rate, float)
    assert config.data.split.strategy == "leave_last_out"
    assert from_dict(PipelineConfig, changed("beam", ["--a"])).beam == ("--a",)
    training = {"optimizer": "lazy_adam", "learning_rate": 1, "clip_norm": None}
    ranker = from_dict(PipelineConfig, changed("ranker.training", training)).ranker
    assert ranker.training == TrainingConfig(optimizer="lazy_adam", learning_rate=1.0)
    with pytest.raises(AttributeError):
        config.name = "other"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("retreiver", {}, "no key `retreiver` in the config: did you mean `retriever`"),
        ("data.split", {"share": 0.1}, "no key `share` in section `data.split`: .*strategy"),
        ("ranker.training", {"epochs": "ten"}, "`ranker.training.epochs` must be int; it is 'ten'"),
        ("ranker.training", {"epochs": 0}, "In section `ranker.training`: `epochs` must be at l"),
        ("ranker.training", {"epochs": True}, "`ranker.training.epochs` must be int; it is True"),
        ("ranker.training", {"epoch": 3}, "no key `epoch` in .*: did you mean `epochs`"),
        ("ranker.training", {"patience": 3}, "`training.patience` of `wide_deep` needs validation"),
        ("beam", "--a", "`beam` must be a list of strings"),
        ("retriever.model", "three_tower", "no model `three_tower`; known are"),
        ("retriever.parameters", [1], "`retriever.parameters` must be a mapping"),
        ("data.split", {"strategy": "random"}, "one of leave_last_out, time"),
        ("data.split", {"strategy": "time", "test_share": 1.5}, "between 0 and 1; it is 1.5"),
        ("data.files", {"events": "e.csv"}, "either `dataset` or `files`"),
        ("data", {"files": {"events": "e.csv"}}, "need `data.data_dir` and `data.schema`"),
        ("data", {"files": {"users": "e.csv"}}, "`events` is missing in section `data.files`"),
        ("evaluation", None, "Section `evaluation` must be a mapping"),
    ],
)
def test_what_cannot_work_is_said(path, value, message):
    with pytest.raises(ConfigError, match=message):
        from_dict(PipelineConfig, changed(path, value))


def test_missing_key_and_file(tmp_path):
    values = {key: value for key, value in MINIMAL.items() if key != "evaluation"}
    with pytest.raises(ConfigError, match="The key `evaluation` is missing in the config"):
        from_dict(PipelineConfig, values)
    with pytest.raises(ConfigError, match="There is no config"):
        PipelineConfig.load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no YAML"):
        PipelineConfig.load(tmp_path / "bad.yaml")
