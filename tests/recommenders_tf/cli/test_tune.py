from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import recommenders_tf as rtf
from recommenders_tf.cli.main import main
from recommenders_tf.data import EventLog
from recommenders_tf.training import ModelConfig

LOG = rtf.data.synthetic(num_users=60, num_items=50, num_events=1200)


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Returns the exit code, stdout and stderr of a call on few events, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, log=LOG):
        monkeypatch.setattr("recommenders_tf.cli.data_options.DataOptions.load", lambda _: log)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return call


def scores(text):
    """Return the metric and the values of each line of the table of progress."""
    lines = [line.split() for line in text.splitlines() if line[:5].strip().isdigit()]
    return [(line[1], line[4:]) for line in lines]


def test_progress_is_on_stderr_and_the_best_on_stdout(call, tmp_path):
    code, out, err = call("tune", "--model", "ease", "--synthetic", "--trials", 3)
    assert code == 0
    assert "Tuning l2 of ease on 1,080 events and 60 for validation; " in err
    assert scores(err)[0][1] == ["l2=500.0"]
    assert len(scores(err)) == 3
    best = max(scores(err))
    assert "Best of 3 trials" in out
    assert out.index(best[0]) == min(out.index(score) for score, _ in scores(err))
    config = ModelConfig.load(tmp_path / "runs/tune-ease-synthetic/best.yaml")
    assert best[1] == [f"l2={config.parameters['l2']}"]
    assert "train --config runs/tune-ease-synthetic/best.yaml" in err


def test_the_best_is_what_train_takes(call, tmp_path):
    arguments = ("--synthetic", "--trials", 2, "-o", "search", "--json")
    code, out, _ = call("tune", "--model", "ease", *arguments)
    found = json.loads(out)
    assert code == 0 and found["config"] == "search/best.yaml"
    code, out, _ = call("train", "--config", found["config"], "--synthetic", "-o", "run", "--json")
    assert code == 0 and 0 < json.loads(out)["metrics"]["NDCG@10"] < 1
    settings = json.loads((tmp_path / "run/run.json").read_text())
    assert settings["model"] == "ease"
    assert settings["hyper_parameters"] == found["parameters"]
    assert settings["training"]["epochs"] == found["training"]["epochs"] == 1
    assert settings["events"] == {"train": 1140, "test": 60}


def test_the_test_events_are_not_read(call, monkeypatch):
    *_, test = LOG.split(validation=True)
    pair = ["user_id", "item_id"]  # nobody meets an item twice
    is_test = LOG.events.set_index(pair).index.isin(test.events.set_index(pair).index)
    events = LOG.events.copy()
    others = np.random.default_rng(0).permutation(events.loc[is_test, "item_id"])
    events.loc[is_test, "item_id"] = others
    assert (events["item_id"] != LOG.events["item_id"]).sum() > 40
    changed = dataclasses.replace(LOG, events=events)
    arguments = ("tune", "--model", "ease", "--synthetic", "--trials", 3, "-o")
    _, _, expected = call(*arguments, "first")
    parts = []
    split = EventLog.split
    monkeypatch.setattr(
        EventLog, "split", lambda *a, **k: parts.append(split(*a, **k)) or parts[-1]
    )
    _, _, found = call(*arguments, "second", log=changed)
    *_, other_test = parts[-1]
    assert len(other_test) == len(test) and not other_test.events.equals(test.events)
    assert scores(found) == scores(expected)


def test_what_the_command_line_says_is_not_searched(call):
    given = ("--set", "hidden_units=4", "--set", "l2=0.01", "--batch-size", 1024, "--epochs", 1)
    code, out, _ = call(
        *("tune", "--model", "mult_dae", "--synthetic", "--trials", 1, "--json"), *given
    )
    found = json.loads(out)
    assert code == 0
    assert found["parameters"] == {
        "hidden_units": [4],
        "l2": 0.01,
        "learning_rate": 0.001,
        "dropout": 0.5,
    }
    code, _, err = call("tune", "--model", "ease", "--synthetic", "--set", "l2=3")
    assert code == 1 and "Error: `ease` has nothing to tune that is not set already." in err
    assert "Tuning" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--method", "grid"), 2, "grid"),
        (("--trials", "0"), 2, "--trials"),
        (("--method", "hyperband"), 1, "`ease` is solved at once and has no epochs for"),
        (("--sampled-negatives", "1"), 1, "--sampled-negatives is for models that rank"),
        (("--set", "l1=3"), 1, "`ease` has no hyper-parameter `l1`"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(arguments, code, sentence, call):
    given, out, err = call("tune", "--model", "ease", "--synthetic", *arguments)
    assert (given, out) == (code, "")
    assert sentence in err and "Traceback" not in err
