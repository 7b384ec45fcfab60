"""Versions, labels, reloads and warm-up while the server runs."""

from __future__ import annotations

import contextlib
import shutil
import threading

import grpc
import numpy as np
import pytest

from tests.conformance import models
from tests.conformance.rows import check
from tests.conformance.target import Target, eventually, predict_request, refusal, values

X = np.float32([[1.0]])


@pytest.fixture
def fresh(target: Target, request: pytest.FixtureRequest):
    """Writes versions of a model that is the test's own; returns the function and the name."""
    name = request.node.name.partition("[")[0]

    def add(*versions: int) -> None:
        folder = target.folder / name
        folder.mkdir(exist_ok=True)
        for version in versions:
            models.half_plus(folder / str(version), float(version))

    add.name = name
    yield add
    shutil.rmtree(target.folder / name, ignore_errors=True)


def _break(folder) -> None:
    unfinished = folder.with_name(f"unfinished-{folder.name}")
    unfinished.mkdir()
    (unfinished / "saved_model.pb").write_bytes(b"no model")
    unfinished.rename(folder)


@check("versions-of-names")
def test_names_of_versions(target: Target, fresh, reload):
    fresh(4)
    (target.folder / fresh.name / "4").rename(target.folder / fresh.name / "0000004")
    (target.folder / fresh.name / "notes").mkdir()
    reload(models.model(fresh.name, target.server_folder))
    assert target.states(fresh.name) == {4: "AVAILABLE"}


@check("policy-specific")
def test_specific(target: Target):
    assert target.states("versions") == {1: "AVAILABLE", 2: "AVAILABLE"}
    assert refusal(lambda: target.predict("versions", {"x": X}, version=3))[0] == "NOT_FOUND"


@check("policy-latest")
def test_latest(target: Target, fresh, reload):
    fresh(1, 2, 3)
    reload(models.model(fresh.name, target.server_folder, latest=2))
    # A reload waits for one version of each model, not for all.
    eventually(lambda: target.states(fresh.name) == {2: "AVAILABLE", 3: "AVAILABLE"})


@check("policy-all")
def test_all(target: Target, fresh, reload):
    fresh(1, 2, 3)
    config = models.model(fresh.name, target.server_folder)
    config.model_version_policy.all.SetInParent()
    reload(config)
    eventually(lambda: target.states(fresh.name) == dict.fromkeys((1, 2, 3), "AVAILABLE"))


@check("new-version")
def test_a_new_version_takes_over(target: Target, fresh, reload):
    fresh(1)
    reload(models.model(fresh.name, target.server_folder))
    fresh(2)
    eventually(lambda: target.states(fresh.name) == {1: "END", 2: "AVAILABLE"})
    assert values(target.predict(fresh.name, {"x": X}).outputs["y"]) == [2.5]


@check("broken-version")
def test_a_broken_version(target: Target, fresh, reload):
    fresh(1)
    reload(models.model(fresh.name, target.server_folder))
    _break(target.folder / fresh.name / "2")
    eventually(lambda: target.states(fresh.name).get(2) == "END")
    (status,) = target.status(fresh.name, 2).model_version_status
    assert status.status.error_code and status.status.error_message
    assert target.states(fresh.name)[1] == "AVAILABLE"
    assert target.predict(fresh.name, {"x": X}).model_spec.version.value == 1


@check("emptied-folder")
def test_an_emptied_folder(target: Target, fresh, reload):
    fresh(1)
    reload(models.model(fresh.name, target.server_folder))
    shutil.rmtree(target.folder / fresh.name / "1")
    eventually(lambda: target.states(fresh.name) == {1: "END"})


@check("vanished-folder")
def test_a_vanished_folder(target: Target, fresh, reload):
    fresh(1)
    reload(models.model(fresh.name, target.server_folder))
    away = target.folder / "away"
    (target.folder / fresh.name).rename(away)
    # Long enough for two looks at the folder, which is gone: nothing may happen.
    threading.Event().wait(2.5)
    assert target.states(fresh.name) == {1: "AVAILABLE"}
    away.rename(target.folder / fresh.name)


@check("missing-specific")
def test_a_specific_version_that_is_missing(target: Target, fresh, reload):
    fresh(1)
    reload(models.model(fresh.name, target.server_folder, specific=[1, 5]))
    assert target.states(fresh.name) == {1: "AVAILABLE"}


@check("roll-back")
def test_a_label_moves_and_no_request_fails(target: Target, fresh, reload):
    fresh(1, 2)
    config = models.model(fresh.name, target.server_folder, specific=[1, 2])
    reload(config)
    config.version_labels["live"] = 2
    reload(config)
    seen, stop, failures = set(), threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            try:
                answer = target.predict(fresh.name, {"x": X}, version_label="live")
                seen.add(answer.model_spec.version.value)
            except grpc.RpcError as error:
                failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: seen == {2})
    config.version_labels["live"] = 1
    reload(config)
    eventually(lambda: seen == {1, 2})
    stop.set()
    thread.join()
    assert not failures


@check("removed-model")
def test_a_model_that_is_left_out(target: Target, fresh, reload):
    fresh(1)
    reload(models.model(fresh.name, target.server_folder))
    target.reload()
    eventually(lambda: target.states(fresh.name) == {1: "END"})
    code, message = refusal(lambda: target.predict(fresh.name, {"x": X}))
    assert (code, message) == ("NOT_FOUND", f"Servable not found for request: Latest({fresh.name})")


@check("unload-waits")
def test_a_version_is_unloaded_after_its_last_request(target: Target, reload):
    request = predict_request("again", {"seconds": np.float64(2)}, "slow")
    config = models.model("again", target.server_folder)
    config.base_path = f"{target.server_folder}/many"
    reload(config)
    running = target.prediction.Predict.future(request, 60)
    threading.Event().wait(0.3)
    target.reload()
    assert running.result().outputs["turns"].int_val[0] > 0


@check("warm-up")
def test_warm_up(target: Target, reload, warm_model):
    warm_model("warmed", 3)
    reload(models.model("warmed", target.server_folder))
    assert target.states("warmed") == {1: "AVAILABLE"}


def _refused_load(target: Target, name: str) -> str:
    """Reloads with a model that cannot be loaded; returns the error of its version."""
    with contextlib.suppress(grpc.RpcError):
        target.reload(models.model(name, target.server_folder))
    eventually(lambda: target.states(name).get(1) == "END")
    (status,) = target.status(name, 1).model_version_status
    return status.status.error_message


@check("warm-up-fails")
def test_a_warm_up_that_fails(target: Target, reload, warm_model):
    warm_model("ill_warmed", 1, signature="nothing")
    assert "nothing" in _refused_load(target, "ill_warmed")


@check("warm-up-not-records")
def test_warm_up_of_another_format(target: Target, reload, warm_model):
    warm_model("text_warmed", 0, text=b"these are no records at all, only a line of text")
    error = _refused_load(target, "text_warmed")
    assert "Please verify your warmup data is in TFRecord format" in error


@check("warm-up-too-many")
def test_too_many_warm_up_records(target: Target, reload, warm_model):
    warm_model("long_warmed", 1001)
    error = _refused_load(target, "long_warmed")
    assert "Number of warmup records exceeds the maximum (1000) at " in error
