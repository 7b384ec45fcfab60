from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from recommenders_tf import data, registry
from recommenders_tf.cli.main import app


def output(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    return result.stdout


def test_models_as_json():
    models = json.loads(output("models", "--json"))
    assert [model["name"] for model in models] == registry.names()
    assert models[registry.names().index("two_tower")] == {
        "name": "two_tower",
        "room": "retrieval",
        "kind": "retrieval",
        "summary": registry.get("two_tower").info.summary,
        "paper": registry.get("two_tower").info.paper,
        "search_space": {
            "embedding_dim": {"least": 4, "most": 256, "scale": "log"},
            "hidden_units": {
                "options": [[], [64], [128, 64], [256, 128, 64], [400, 400, 400]],
            },
            "learning_rate": {"least": 1e-4, "most": 0.1, "scale": "log"},
            "dropout": {"least": 0.0, "most": 0.8, "scale": "linear"},
            "temperature": {"least": 0.02, "most": 1.0, "scale": "log"},
            "num_negatives": {"options": [0, 1, 4]},
            "num_hard_negatives": {"options": [0, 20, 100]},
        },
    }


def test_datasets_as_json(tmp_path):
    (tmp_path / "ml-100k").mkdir()
    (tmp_path / "ml-100k" / "u.data").touch()
    records = json.loads(output("datasets", "--json", "--data-dir", str(tmp_path)))
    assert records == data.describe(tmp_path)
    assert records[0]["found"] == str(tmp_path / "ml-100k")


@pytest.mark.parametrize(
    ("command", "names"), [("models", registry.names()), ("datasets", data.names())]
)
def test_tables_name_everything_whole(command, names):
    words = output(command).split()
    assert set(names) <= set(words)
