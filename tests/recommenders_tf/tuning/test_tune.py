from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import yaml

import recommenders_tf as rtf
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.training import ModelConfig, TrainingConfig
from recommenders_tf.tuning import BEST_FILE, SearchConfig, search_space, tune
from recommenders_tf.tuning.trial_runner import TrialRunner

EASE = ModelConfig("ease")
MF = ModelConfig("mf", {"embedding_dim": 8, "l2": 0.0}, TrainingConfig(epochs=4))


def plain(trials):
    return sorted(dataclasses.astuple(trial) for trial in trials)


def test_the_best_of_the_validation_events_is_kept_as_a_config(parts, tmp_path):
    shown = []
    found = tune(EASE, *parts, tmp_path, SearchConfig(trials=6), report=shown.append)
    assert [trial.name for trial in shown] == ["0", "1", "2", "3", "4", "5"]
    assert shown[0].values == {"l2": 500.0}
    scores = [trial.score for trial in found.trials]
    assert found.metric == "NDCG@10" and scores == sorted(scores, reverse=True)
    assert found.best.parameters == found.trials[0].values != {"l2": 500.0}

    train, validation = parts
    encoded = rtf.data.encode(train)
    model = rtf.models.EASE(encoded.schema, **found.best.parameters)
    model.compile()
    model.fit(encoded, verbose=0)
    assert model.evaluate(validation)["NDCG@10"] == pytest.approx(scores[0])

    assert found.best.training == TrainingConfig(epochs=1)  # more would change nothing
    assert ModelConfig.load(tmp_path / BEST_FILE) == found.best
    text = (tmp_path / BEST_FILE).read_text()
    assert text.startswith(f"# NDCG@10 {scores[0]:.4f} on validation events of synthetic: trial")


def test_a_ranker_is_judged_by_its_auc_and_its_best_epoch(parts, tmp_path):
    training = TrainingConfig(epochs=3, batch_size=256, patience=2)
    base = ModelConfig("fm", {"learning_rate": 0.5}, training)
    found = tune(base, *parts, tmp_path, SearchConfig(trials=1))
    (trial,) = found.trials
    history = np.genfromtxt(tmp_path / "trial_0" / "history.csv", delimiter=",", names=True)
    assert found.metric == "auc"
    assert trial.score == pytest.approx(history["val_auc"].max())
    assert trial.epochs == history["val_auc"].argmax() + 1
    assert found.best.training == dataclasses.replace(training, epochs=trial.epochs, patience=None)
    assert found.best.parameters["learning_rate"] == 0.5
    assert "Epoch 1/3  loss" in (tmp_path / "trial_0" / "log.txt").read_text()


def test_hyperband_goes_on_with_the_weights_of_the_round_before(parts, tmp_path):
    search = SearchConfig("hyperband", trials=6)
    found = tune(MF, *parts, tmp_path / "search", search)
    went_on = next(trial for trial in found.trials if trial.name == "5")
    twin = next(t for t in found.trials if t.values == went_on.values and t.name != "5")
    log = (tmp_path / "search" / f"trial_{twin.name}" / "log.txt").read_text()
    assert "Going on in epoch 3 after 0 steps" in log
    assert not list((tmp_path / "search").glob("trial_*/backup"))

    (tmp_path / "straight").mkdir()
    runner = TrialRunner(MF, *parts)
    straight = runner.run(went_on.values, 4, tmp_path / "straight", False)
    assert straight == (went_on.score, went_on.epochs)


def test_a_search_goes_on_where_it_was_stopped(parts, tmp_path, monkeypatch):
    search = SearchConfig(trials=5, seed=1)
    whole = tune(EASE, *parts, tmp_path / "whole", search)

    run, ran = TrialRunner.run, []

    def run_until_killed(runner, values, epochs, folder, keep_backup):
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(values)
        return run(runner, values, epochs, folder, keep_backup)

    monkeypatch.setattr(TrialRunner, "run", run_until_killed)
    with pytest.raises(KeyboardInterrupt):
        tune(EASE, *parts, tmp_path / "parts", search)
    assert (tmp_path / "parts" / BEST_FILE).exists()

    monkeypatch.setattr(TrialRunner, "run", lambda *a: (ran.append(a[1]), run(*a))[1])
    shown = []
    resumed = tune(EASE, *parts, tmp_path / "parts", search, report=shown.append)
    assert plain(resumed.trials) == plain(whole.trials) == plain(shown)
    assert len(ran) == 5  # none twice


def test_a_search_that_has_ended_goes_on_with_more_trials(parts, tmp_path):
    first = tune(EASE, *parts, tmp_path, SearchConfig(trials=2))
    more = tune(EASE, *parts, tmp_path, SearchConfig(trials=3))
    assert len(more.trials) == 3
    assert [trial for trial in plain(more.trials) if trial[0] in "01"] == plain(first.trials)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"search": SearchConfig(seed=1)}, r"`seed` \(0, 1\)"),
        ({"search": SearchConfig("bayesian")}, "`method`"),
        ({"base": ModelConfig("slim")}, "`model`"),
        ({"base": ModelConfig("ease", training=TrainingConfig(seed=1))}, "`training.seed`"),
        ({"space": {"l2": Range(1.0, 2.0)}}, "`space.l2.most`"),
        ({"swapped": True}, "`data.train`"),
    ],
    ids=str,
)
def test_a_folder_holds_one_search(change, difference, parts, tmp_path):
    tune(EASE, *parts, tmp_path, SearchConfig(trials=1))
    events = reversed(parts) if change.pop("swapped", False) else parts
    arguments = {"base": EASE, "search": SearchConfig(), **change}
    with pytest.raises(ValueError, match=f"holds another search, .* {difference}.*: remove it, or"):
        tune(arguments.pop("base"), *events, tmp_path, **arguments)


def test_what_the_config_sets_is_not_searched():
    space = search_space(ModelConfig("mult_dae", {"dropout": 0.5}, TrainingConfig(batch_size=32)))
    assert set(space) == {"hidden_units", "learning_rate", "l2"}
    assert "batch_size" in search_space(ModelConfig("mult_dae"))


def test_a_batch_size_is_tried_and_written_under_training(parts, tmp_path):
    base = ModelConfig("mult_dae", {"hidden_units": [4]}, TrainingConfig(epochs=1))
    space = {"batch_size": Choice((16,)), "dropout": Range(0.1, 0.2)}
    tune(base, *parts, tmp_path, SearchConfig(trials=1), space)
    assert yaml.safe_load((tmp_path / BEST_FILE).read_text()) == {
        "model": "mult_dae",
        "parameters": {"hidden_units": [4], "dropout": 0.1},
        "training": {"epochs": 1, "batch_size": 16},
    }


def fail_where(condition, monkeypatch):
    run = TrialRunner.run

    def run_or_fail(runner, values, *rest):
        if condition(values):
            raise MemoryError("too wide")
        return run(runner, values, *rest)

    monkeypatch.setattr(TrialRunner, "run", run_or_fail)


def test_a_trial_that_fails_is_told_and_left_behind(parts, tmp_path, monkeypatch):
    fail_where(lambda values: values["l2"] != 500.0, monkeypatch)
    found = tune(EASE, *parts, tmp_path, SearchConfig(trials=6))
    assert [trial.error for trial in found.trials] == [None, *["MemoryError: too wide"] * 5]
    assert found.best.parameters == {"l2": 500.0}
    again = tune(EASE, *parts, tmp_path, SearchConfig(trials=6))
    assert again.trials == found.trials  # in this order


def test_an_error_of_the_first_trial_is_one_of_the_search(parts, tmp_path, monkeypatch):
    fail_where(lambda values: True, monkeypatch)
    with pytest.raises(MemoryError, match="too wide"):
        tune(EASE, *parts, tmp_path, SearchConfig(trials=6))
    monkeypatch.undo()
    assert len(tune(EASE, *parts, tmp_path, SearchConfig(trials=2)).trials) == 2


def test_a_search_that_cannot_be_is_refused(parts, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="`popularity` has nothing to tune"):
        tune(ModelConfig("popularity"), *parts, tmp_path)
    with pytest.raises(ValueError, match="`ease` is solved at once and has no epochs"):
        tune(EASE, *parts, tmp_path, SearchConfig("hyperband"))
    for arguments, message in (
        ({"method": "grid"}, "`method` is `grid`; it must be one of random, hyperband, bayesian"),
        ({"trials": 0}, "`trials` must be at least 1; it is 0"),
        ({"workers": 0}, "`workers` must be at least 1; it is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            SearchConfig(**arguments)
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(ValueError, match="runs on one machine: unset TF_CONFIG"):
        tune(EASE, *parts, tmp_path)
    assert not list(tmp_path.iterdir())
