from __future__ import annotations

import pytest
import yaml

from recommenders_tf.training import ModelConfig, TrainingConfig
from recommenders_tf.typed_config import ConfigError
from tfx_pipeline.config import ModelConfig as PipelineModelConfig


def test_what_is_saved_is_loaded(tmp_path):
    training = TrainingConfig(epochs=3, optimizer="lazy_adam", learning_rate=1e-5, devices="0,2")
    parameters = {"hidden_units": [64, 32], "dropout": 1e-5, "normalize": False}
    config = ModelConfig("two_tower", parameters, training)
    config.save(tmp_path / "best.yaml", "The best of 3")
    assert ModelConfig.load(tmp_path / "best.yaml") == config
    text = (tmp_path / "best.yaml").read_text()
    assert text.startswith("# The best of 3\nmodel: two_tower\n")
    assert "batch_size" not in text  # as by default


def test_tuples_become_lists_that_a_pipeline_reads_too(tmp_path):
    ModelConfig("mult_vae", {"hidden_units": (64, 32)}).save(tmp_path / "best.yaml", "-")
    assert yaml.safe_load((tmp_path / "best.yaml").read_text()) == {
        "model": "mult_vae",
        "parameters": {"hidden_units": [64, 32]},
        "training": {},
    }
    assert PipelineModelConfig.load(tmp_path / "best.yaml").parameters == {"hidden_units": [64, 32]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: two_towers", "There is no model `two_towers`; known are"),
        ("parameters: {}", "The key `model` is missing in the config; add it"),
        ("{model: mf, traning: {}}", "There is no key `traning` in the config: did you mean"),
        ("{model: mf, training: {epochs: 0}}", "In section `training`: `epochs` must be at least"),
        ("- mf", "The config must be a mapping; it is .'mf'."),
        ("a: [", "is no YAML: while parsing a flow node"),
    ],
)
def test_a_file_that_cannot_work_is_told_in_one_sentence(text, message, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        ModelConfig.load(tmp_path / "config.yaml")
    assert "\n" not in str(caught.value)
