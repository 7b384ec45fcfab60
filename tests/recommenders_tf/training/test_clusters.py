"""Clusters of real processes on this machine, with workers that are killed."""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
import pytest

import recommenders_tf as rtf
from tests.recommenders_tf.training.processes import Process, free_addresses

pytestmark = pytest.mark.slow

MODEL = (
    *("--model", "wide_deep", "--synthetic", "--set", "hidden_units=16", "--set", "dropout=0.3"),
    *("--batch-size", "512"),
)


@pytest.fixture
def start(tmp_path):
    """Starts a command in a process that ends with the test."""
    started = []

    def start(name, *arguments):
        started.append(Process(tmp_path / f"{name}.log", *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def start_all(start, arguments, cluster, suffix=""):
    return {
        (kind, index): start(f"{kind}{index}{suffix}", arguments, cluster, (kind, index))
        for kind, addresses in cluster.items()
        for index in range(len(addresses))
    }


def losses(folder):
    with (folder / "history.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def test_workers_in_step_take_the_steps_of_one_process(start, tmp_path):
    arguments = (*MODEL[:5], "--epochs", "2")
    cluster = free_addresses(worker=2)
    workers = start_all(start, [*arguments, "-o", str(tmp_path / "two")], cluster)
    assert [worker.wait() for worker in workers.values()] == [0, 0]
    assert start("one", [*arguments, "-o", str(tmp_path / "one")]).wait() == 0

    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=1e-4)
    two, one = (rtf.load_model(tmp_path / name / "model.keras") for name in ("two", "one"))
    # Not all weights: the metrics count what each replica has seen.
    for value, wanted in zip(two.trainable_weights, one.trainable_weights, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-2, atol=1e-4)
    assert sorted(path.name for path in (tmp_path / "two").glob("*.json")) == [
        "metrics.json",
        "run.json",
    ]


def test_workers_in_step_recover_from_the_backup_when_one_is_killed(start, tmp_path):
    arguments = (*MODEL, "--epochs", "3", "--backup-steps", "20")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start_all(start, [*arguments, "-o", str(whole)], free_addresses(worker=2), "-whole")
    assert [worker.wait() for worker in expected.values()] == [0, 0]

    first = start_all(start, [*arguments, "-o", str(parts)], free_addresses(worker=2))
    first["worker", 0].wait_for("Epoch 1/3")
    first["worker", 1].kill()
    # An operator restarts the workers of a job together.
    first["worker", 0].kill()
    again = start_all(start, [*arguments, "-o", str(parts)], free_addresses(worker=2), "-again")
    assert [worker.wait() for worker in again.values()] == [0, 0]

    assert "Going on in epoch 2 after" in again["worker", 0].log.read_text()
    resumed, wanted = (rtf.load_model(path / "model.keras") for path in (parts, whole))
    for value, other in zip(resumed.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-6, atol=1e-6)
    assert losses(parts) == pytest.approx(losses(whole))


def test_parameter_servers_share_the_tables_and_outlive_a_worker(start, tmp_path):
    cluster = free_addresses(chief=1, worker=2, ps=2)
    for index in range(2):
        start(f"ps{index}", MODEL, cluster, ("ps", index))
    workers = [start(f"worker{index}", MODEL, cluster, ("worker", index)) for index in range(2)]
    program = (sys.executable, "-m", "tests.recommenders_tf.training.chief_of_servers")
    chief = start("chief", [str(tmp_path)], cluster, ("chief", 0), program)
    chief.wait_for("Epoch 2/8")
    chief.kill()
    chief = start("chief-again", [str(tmp_path)], cluster, ("chief", 0), program)
    chief.wait_for("Going on in epoch ")
    workers[1].kill()
    chief.wait_for("Epoch 4/8")
    start("worker1-again", MODEL, cluster, ("worker", 1))
    assert chief.wait() == 0, chief.log.read_text()

    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    devices, shapes = zip(*result["tables"], strict=True)
    assert {device.split("/")[3] for device in devices} == {"task:0", "task:1"}
    assert all(device.startswith("/job:ps/") for device in devices)
    assert abs(shapes[0][0] - shapes[1][0]) <= 1
    assert result["auc"] > 0.7
    assert result["best"] == pytest.approx(max(result["val_auc"]))
