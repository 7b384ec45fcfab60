"""Every model of the registry through the whole pipeline: one line of the config names it."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import data, registry
from recommenders_tf.schema import Column, FeatureSchema, Kind, Role
from tests.harness import ask
from tfx_pipeline.runners import local

pytestmark = pytest.mark.slow

LOVED = Column("loved", Kind.LABEL, Role.LABEL, source="rating", positive_from=5.0)


@pytest.fixture(scope="module")
def config(log, tmp_path_factory, pipeline_config):
    """A config that no model is asked for yet, on events of two labels.

    All runs have their root in common, so that the steps before the Trainer run once.
    """
    root = tmp_path_factory.mktemp("every_model")
    schema = FeatureSchema([*log.schema.columns.values(), LOVED], log.schema.name)
    folder = data.write_files(dataclasses.replace(log, schema=schema), root / "data")
    evaluation = {"hit_rate": 0.0, "auc": 0.0, "max_drop": 1.0}
    return pipeline_config(folder, root, evaluation=evaluation)


@pytest.mark.parametrize("name", [name for name in registry.names() if name != "popularity"])
def test_one_line_names_the_model(log, config, name):
    kind = registry.get(name).kind
    stage = "ranker" if kind == "ranking" else "retriever"
    named = dataclasses.replace(getattr(config, stage), model=name, parameters={})
    steps = []
    result = local.run(dataclasses.replace(config, **{stage: named}), steps.append)
    assert result.metrics["models"][stage] == name
    assert result.blessed, result.failures
    assert pathlib.Path(result.pushed).is_dir()

    answer = ask(
        tf.saved_model.load(result.pushed).signatures["recommend"],
        user_id=tf.constant(log.users["user_id"].tolist()[:3]),
        k=tf.constant(5),
        exclude_seen=tf.constant(True),
        device=tf.constant(["tv"]),
    )
    assert answer["item_id"].shape == (3, 5)
    assert set(answer["item_id"].numpy().ravel()) <= {i.encode() for i in log.items["item_id"]}
    assert np.isfinite(answer["score"]).all()
