from __future__ import annotations

import json

import keras_tuner
import pytest

from recommenders_tf import registry
from recommenders_tf.search_space import Choice, Range
from recommenders_tf.tuning import oracles

SPACE = {
    "width": Range(8, 64, "log"),
    "rate": Range(1e-4, 0.1, "log"),
    "units": Choice(((8,), (8, 4))),
    "limit": Choice((None, 3)),
}
DEFAULTS = {"width": 16, "rate": 0.01, "units": (8, 4), "limit": None, "other": 1}


def drawn_values(hyper_parameters, seed):
    return {hp.name: hp.random_sample(seed) for hp in hyper_parameters.space}


@pytest.mark.parametrize("name", registry.names())
def test_what_is_drawn_lies_in_the_space_of_each_model(name):
    cls = registry.get(name)
    space = cls.info.search_space
    defaults = {"batch_size": 1024, "learning_rate": 0.001} | registry.hyper_parameters(cls)
    found = oracles.to_keras_tuner(space, defaults)
    begin = oracles.from_keras_tuner(space, found.values)
    assert begin == {argument: defaults[argument] for argument in space}
    for seed in range(5):
        values = oracles.from_keras_tuner(space, drawn_values(found, seed))
        assert list(values) == list(space)
        assert all(value in space[argument] for argument, value in values.items())


def test_numbers_are_drawn_on_the_scale_that_is_declared():
    found = oracles.to_keras_tuner({"a": Range(1e-4, 1.0, "log"), "b": Range(0.0, 1.0)}, {})
    drawn = [drawn_values(found, seed) for seed in range(200)]
    assert 70 < sum(values["a"] < 0.01 for values in drawn) < 130
    assert sum(values["b"] < 0.01 for values in drawn) < 10


def test_a_default_outside_the_space_begins_at_its_first_value():
    begin = oracles.to_keras_tuner(SPACE, {"width": 4, "units": (1,)}).values
    assert oracles.from_keras_tuner(SPACE, begin) == {
        "width": 8,
        "rate": 1e-4,
        "units": (8,),
        "limit": None,
    }


def oracle_in(folder, method, trials=8):
    found = oracles.to_keras_tuner(SPACE, DEFAULTS)
    oracle = oracles.make_oracle(method, found, "NDCG@10", seed=0, epochs=4, trials=trials)
    oracles.keep_in(oracle, folder)
    return oracle


def play(oracle, count):
    """Give the best scores to small widths, and return the values that were tried."""
    tried = []
    for _ in range(count):
        trial = oracle.create_trial("worker")
        if trial.status != "RUNNING":
            break
        tried.append(trial.hyperparameters.values)
        oracle.update_trial(trial.trial_id, {"NDCG@10": 1 / trial.hyperparameters.get("width")})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return tried


@pytest.mark.parametrize("method", oracles.METHODS)
def test_the_first_trial_has_the_defaults_and_the_last_is_that_of_the_limit(method, tmp_path):
    tried = play(oracle_in(tmp_path, method), 20)
    first = oracles.from_keras_tuner(SPACE, tried[0])
    assert first == {name: DEFAULTS[name] for name in SPACE}
    assert len(tried) == 8


def test_a_seed_of_0_is_one(tmp_path):
    assert play(oracle_in(tmp_path / "a", "random"), 8) == play(
        oracle_in(tmp_path / "b", "random"), 8
    )


def test_bayesian_leaves_chance_once_it_has_some_trials(tmp_path):
    chance = play(oracle_in(tmp_path / "chance", "random"), 8)
    chosen = play(oracle_in(tmp_path / "chosen", "bayesian"), 8)
    assert chosen[: len(SPACE)] == chance[: len(SPACE)]
    assert all(values not in chance for values in chosen[len(SPACE) :])


def test_hyperband_gives_the_best_of_a_round_more_epochs(tmp_path):
    tried = play(oracle_in(tmp_path, "hyperband", trials=None), 50)
    widths = {number: values["width"] for number, values in enumerate(tried)}
    rounds = {}
    for number, values in enumerate(tried):
        rounds.setdefault((values["tuner/bracket"], values["tuner/round"]), []).append(number)
    first, second = rounds[1, 0], rounds[1, 1]
    assert {tried[n]["tuner/epochs"] for n in first} == {2}
    assert {tried[n]["tuner/epochs"] for n in second} == {4}
    best = sorted(first, key=widths.__getitem__)[: len(second)]
    assert {int(tried[n]["tuner/trial_id"]) for n in second} == set(best)
    assert len(second) < len(first)


@pytest.mark.parametrize("method", oracles.METHODS)
def test_an_oracle_goes_on_where_a_killed_one_was(method, tmp_path):
    whole = play(oracle_in(tmp_path / "whole", method), 6)
    killed = oracle_in(tmp_path / "parts", method)
    before = play(killed, 2)
    lost = killed.create_trial("worker").hyperparameters.values
    after = play(oracle_in(tmp_path / "parts", method), 4)
    assert after[0] == lost
    if method != "bayesian":  # whose draws KerasTuner does not keep
        assert before + after == whole


def test_a_kill_leaves_no_half_of_a_file(tmp_path, monkeypatch):
    oracle = oracle_in(tmp_path, "random")
    play(oracle, 2)

    def killed(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(oracles.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        oracle.create_trial("worker")
    monkeypatch.undo()
    assert len(json.loads((tmp_path / "oracle.json").read_text())["start_order"]) == 2
    assert len(oracle_in(tmp_path, "random").trials) == 2


def test_the_oracles_are_those_of_keras_tuner(tmp_path):
    for method, cls in (
        ("random", keras_tuner.oracles.RandomSearchOracle),
        ("hyperband", keras_tuner.oracles.HyperbandOracle),
        ("bayesian", keras_tuner.oracles.BayesianOptimizationOracle),
    ):
        assert isinstance(oracle_in(tmp_path / method, method), cls)
