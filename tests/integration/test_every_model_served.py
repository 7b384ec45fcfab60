"""Every model of the registry by command: trained, asked, exported and served."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pandas as pd
import pytest

import recommenders_tf as rtf
from examples.demo import MODEL, serving
from recommenders_tf import registry
from recommenders_tf.cli.main import main
from serving.client import ServingClient

pytestmark = pytest.mark.slow

USER, LENGTH = "u3", 5
RETRIEVERS = [name for name in registry.names() if registry.get(name).kind == "retrieval"]
RANKERS = [name for name in registry.names() if registry.get(name).kind == "ranking"]


@pytest.fixture
def call(capsys):
    """Returns what a call in this process, which must succeed, prints as JSON."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        assert not ended.value.code, capsys.readouterr().err
        return capsys.readouterr().out

    return call


@pytest.fixture
def trained(call, tmp_path):
    """Returns the folder of a run of a model, and that of its export."""

    def trained(name: str) -> tuple[pathlib.Path, pathlib.Path]:
        run, models = tmp_path / "run", tmp_path / "models"
        call("train", "--model", name, "--synthetic", "--epochs", 1, "-o", run)
        call("export", run, models)
        return run, models

    return trained


@pytest.mark.parametrize("name", RETRIEVERS)
def test_raw_ids_in_and_item_ids_out(name, call, trained):
    run, models = trained(name)
    asked = json.loads(call("recommend", run, "--user", USER, "-k", LENGTH, "--json"))
    seen = rtf.load_model(run / "model.keras").tables.events.query("user_id == @USER")["item_id"]
    with serving(models) as (address, url):
        with ServingClient(address, model=MODEL) as client:
            answer = client.recommend([USER, "nobody"], k=LENGTH)
        with ServingClient(url, model=MODEL) as client:
            over_rest = client.recommend([USER, "nobody"], k=LENGTH)
    assert over_rest.item_ids.tolist() == answer.item_ids.tolist()
    assert over_rest.scores.tolist() == answer.scores.tolist()
    items, scores = zip(*answer.for_user(0), strict=True)
    assert list(items) == [record["item_id"] for record in asked]
    assert scores == pytest.approx([record["score"] for record in asked], rel=1e-4, abs=1e-6)
    assert len(set(items) - set(seen)) == LENGTH
    assert len(list(answer.for_user(1))) == LENGTH  # one whom nobody knows has an answer, too


@pytest.mark.parametrize("name", RANKERS)
def test_scores_of_raw_ids(name, trained):
    run, models = trained(name)
    pairs = pd.DataFrame(
        {"user_id": [USER, "u7", "nobody"], "item_id": ["i3", "i5", "i3"], "device": "tv"}
    )
    expected = rtf.load_model(run / "model.keras").score(pairs)
    with serving(models) as (address, _), ServingClient(address, model=MODEL) as client:
        inputs = {name: column.to_numpy(object) for name, column in pairs.items()}
        answer = client.predict(inputs, signature_name="score")
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(answer["score"], expected, rtol=1e-4, atol=1e-6)
