"""Searches in processes of their own, and what becomes of them when one is killed."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from recommenders_tf.training import ModelConfig, TrainingConfig
from recommenders_tf.tuning import SearchConfig, tune
from recommenders_tf.tuning.trial_runner import TrialRunner

COMMAND = pathlib.Path(sys.executable).with_name("recommenders-tf")
SEARCH = (
    *("tune", "--model", "bpr", "--synthetic", "--epochs", "2", "--batch-size", "128"),
    *("--trials", "2", "--workers", "2", "--backup-steps", "20", "--set", "embedding_dim=4"),
)


class KillsItself(TrialRunner):
    """Ends the process of the trial that doesn't have the defaults, as the kernel would."""

    def run(self, values, *rest):
        if values["l2"] != 500.0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(values, *rest)


@pytest.mark.slow
def test_two_workers_find_what_one_finds(parts, tmp_path):
    base = ModelConfig("mf", {"embedding_dim": 8}, TrainingConfig(epochs=2))
    one = tune(base, *parts, tmp_path / "one", SearchConfig(trials=3))
    two = tune(base, *parts, tmp_path / "two", SearchConfig(trials=3, workers=2))
    assert {trial.name: trial.values for trial in two.trials} == {
        trial.name: trial.values for trial in one.trials
    }
    scores = [{trial.name: trial.score for trial in found.trials} for found in (one, two)]
    assert scores[1] == pytest.approx(scores[0])


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_search_with_a_remedy(parts, tmp_path, monkeypatch):
    monkeypatch.setattr("recommenders_tf.tuning.tuner.TrialRunner", KillsItself)
    with pytest.raises(RuntimeError, match=r"ended from outside, .* with fewer `workers`"):
        tune(ModelConfig("ease"), *parts, tmp_path, SearchConfig(trials=4, workers=2))
    monkeypatch.undo()
    found = tune(ModelConfig("ease"), *parts, tmp_path, SearchConfig(trials=4))
    assert len(found.trials) == 4 and all(trial.error is None for trial in found.trials)


def started(folder, log):
    """Start the search in a session of its own."""
    with log.open("w") as file:
        arguments = [COMMAND, *SEARCH, "-o", folder, "--json"]
        return subprocess.Popen(arguments, stdout=file, stderr=file, start_new_session=True)


def members(session):
    """Return the processes of a session that live."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, *_, of = path.read_text().rsplit(")", 1)[1].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == session and state != "Z":
            found.append(path.parent.name)
    return found


@pytest.mark.slow
def test_a_killed_search_leaves_no_process_and_ends_as_one_that_was_not(tmp_path):
    log = tmp_path / "first.log"
    first = started(tmp_path / "parts", log)
    try:
        end = time.monotonic() + 300
        while not list((tmp_path / "parts").glob("trial_*/backup/*/ckpt-2.index")):
            assert time.monotonic() < end and first.poll() is None, log.read_text()
            time.sleep(0.02)
    finally:
        first.kill()  # it alone; its workers have to see that
        first.wait()
    while members(first.pid):
        assert time.monotonic() < end + 30, members(first.pid)
        time.sleep(0.1)

    found = []
    for name in ("parts", "whole"):
        again = started(tmp_path / name, tmp_path / f"{name}.log")
        assert again.wait(300) == 0, (tmp_path / f"{name}.log").read_text()
        trials = sorted((tmp_path / name).glob("trial_*/trial.json"))
        found.append([json.loads(path.read_text()) for path in trials])
    logs = [path.read_text() for path in (tmp_path / "parts").glob("trial_*/log.txt")]
    assert any("Going on in epoch" in text for text in logs)
    resumed, whole = (
        {t["trial_id"]: (t["hyperparameters"]["values"], t["score"], t["best_step"]) for t in all_}
        for all_ in found
    )
    assert resumed.keys() == whole.keys() == {"0", "1"}
    for trial, (values, score, epochs) in whole.items():
        assert resumed[trial][0] == values
        assert resumed[trial][1:] == pytest.approx((score, epochs))
