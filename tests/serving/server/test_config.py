"""Configurations that are put in place of one another while the models serve."""

from __future__ import annotations

import itertools
import threading
import time

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
)

from serving.server.errors import StatusError
from serving.server.model_config import ModelServerConfig

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
FAST = {
    "file_system_poll_wait_seconds": 1,
    "max_num_load_retries": 0,
    "allow_version_labels_for_unavailable_models": False,
}


def config(*models: str) -> ModelServerConfig:
    """A configuration of models given as text proto; a platform is added."""
    entries = "".join(
        f"config {{ {model} {'' if 'model_' in model else TENSORFLOW} }}" for model in models
    )
    return text_format.Parse(f"model_config_list {{ {entries} }}", ModelServerConfig())


TENSORFLOW = "model_platform: 'tensorflow'"


def reload(handlers, wanted: ModelServerConfig, deadline: float | None = 60) -> None:
    response = handlers.reload_config(
        model_management_pb2.ReloadConfigRequest(config=wanted), deadline
    )
    assert response.HasField("status") and response.status.error_code == 0


def addend(handlers, **spec) -> float:
    request = predict_pb2.PredictRequest(model_spec=model_pb2.ModelSpec(**spec))
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=1)
    request.inputs["x"].tensor_shape.dim.add(size=1)
    return handlers.predict(request).outputs["half"].float_val[0]


def states(handlers, name: str) -> dict[int, int]:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    statuses = handlers.get_model_status(request).model_version_status
    return {status.version: status.state for status in statuses}


AVAILABLE, END = 30, 50


@pytest.fixture(scope="module")
def base_path(tmp_path_factory, saved_toys):
    base_path = tmp_path_factory.mktemp("versions")
    for number in (1, 2, 3):
        saved_toys(base_path / str(number), float(number))
    return base_path


@pytest.fixture
def toy(base_path):
    def entry(name: str = "a", rest: str = "") -> str:
        return f"name: '{name}' base_path: '{base_path}' {TENSORFLOW} {rest}"

    return entry


ALL = "model_version_policy { all {} }"


@pytest.fixture
def handlers(start, toy):
    return start(config(toy()), **FAST)


def test_policies(handlers, toy, eventually, caplog):
    assert states(handlers, "a") == {3: AVAILABLE}
    policies = {
        "model_version_policy { latest { num_versions: 2 } }": {2, 3},
        ALL: {1, 2, 3},
        "model_version_policy { specific { versions: 1 versions: 9 } }": {1},
        "model_version_policy { latest {} }": {3},
    }
    for policy, expected in policies.items():
        reload(handlers, config(toy("a", policy)))
        eventually(lambda: available(handlers, "a") == expected)  # noqa: B023
        assert addend(handlers, name="a") == max(expected)
    with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(a, 1\)"):
        addend(handlers, name="a", version={"value": 1})
    assert "Versions [9] of servable a are asked for but not found under " in caplog.text


def available(handlers, name: str) -> set[int]:
    return {number for number, state in states(handlers, name).items() if state == AVAILABLE}


def test_models_come_and_go(handlers, toy, eventually):
    reload(
        handlers, config(toy("a"), toy("b", "model_version_policy { specific { versions: 2 } }"))
    )
    assert (addend(handlers, name="a"), addend(handlers, name="b")) == (3, 2)
    reload(handlers, config(toy("b")))
    eventually(lambda: states(handlers, "a") == {3: END})
    with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(a\)"):
        addend(handlers, name="a")
    reload(handlers, config(toy("a"), toy("b")))
    assert addend(handlers, name="a") == 3
    reload(handlers, config())
    eventually(lambda: not available(handlers, "a") | available(handlers, "b"))


def test_a_reload_fails_no_request(handlers, toy):
    failures, stop = [], threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            try:
                addend(handlers, name="a")
            except StatusError as error:
                failures.append(error)

    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for policy in ("", ALL, "model_version_policy { specific { versions: 1 } }", ""):
            reload(handlers, config(toy("a", policy), toy("b")))
            time.sleep(0.3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures


def test_labels(handlers, toy, eventually):
    with pytest.raises(
        StatusError, match=r"^INVALID_ARGUMENT: Unrecognized servable version label"
    ):
        addend(handlers, name="a", version_label="stable")
    reload(handlers, config(toy("a", ALL)))
    eventually(lambda: available(handlers, "a") == {1, 2, 3})
    labels = "version_labels { key: 'stable' value: 1 } version_labels { key: 'canary' value: 3 }"
    reload(handlers, config(toy("a", f"{ALL} {labels}")))
    assert addend(handlers, name="a", version_label="stable") == 1
    assert addend(handlers, name="a", version_label="canary") == 3
    moved = "version_labels { key: 'stable' value: 2 }"
    reload(handlers, config(toy("a", f"{ALL} {moved}")))
    assert addend(handlers, name="a", version_label="stable") == 2
    with pytest.raises(StatusError) as raised:
        addend(handlers, name="a", version_label="canary")
    assert raised.value.message == "Unrecognized servable version label: canary"
    with pytest.raises(StatusError) as raised:
        reload(handlers, config(toy("a", f"{ALL} version_labels {{ key: 'stable' value: 9 }}")))
    assert (raised.value.code, raised.value.message) == (
        FAILED_PRECONDITION,
        "Request to assign label to version 9 of model a, which is not currently available for "
        "inference",
    )
    assert addend(handlers, name="a", version_label="stable") == 2


def test_labels_of_versions_that_are_to_come(start, toy):
    labelled = config(toy("a", "version_labels { key: 'stable' value: 3 }"))
    with pytest.raises(StatusError, match=r"^FAILED_PRECONDITION: Request to assign label"):
        start(labelled, **FAST)
    handlers = start(labelled, **FAST | {"allow_version_labels_for_unavailable_models": True})
    assert addend(handlers, name="a", version_label="stable") == 3
    with pytest.raises(StatusError, match=r"^FAILED_PRECONDITION: Request to assign label"):
        reload(handlers, config(toy("a", "version_labels { key: 'stable' value: 8 }")))
    reload(handlers, config(toy("a", "version_labels { key: 'other' value: 8 }")))
    with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(a, 8\)"):
        addend(handlers, name="a", version_label="other")


@pytest.mark.parametrize(
    ("models", "text"),
    [
        (
            ["name: 'a' base_path: '/a'", "name: 'a' base_path: '/b'"],
            "Illegal to list model a multiple times in config list",
        ),
        (
            ["name: 'a' base_path: 'b/c'"],
            "Expected model a to have an absolute path or URI; got base_path()=b/c",
        ),
        (
            ["name: 'a' base_path: '/b' model_platform: ''"],
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is a",
        ),
        (
            ["name: 'a' base_path: '/b' model_platform: 'caffe'"],
            "Model a requests unsupported platform caffe",
        ),
        (
            ["name: 'a' base_path: '/b' model_platform: 'tensorflow' model_type: TENSORFLOW"],
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            "ModelServerConfig::model_platform, model name is a",
        ),
        (
            ["name: 'a' base_path: '/b' model_type: OTHER"],
            "ModelServerConfig::model_type choice 2 not supported.",
        ),
    ],
)
def test_a_configuration_that_is_wrong_changes_nothing(handlers, models, text):
    with pytest.raises(StatusError) as raised:
        reload(handlers, config(*models))
    assert (raised.value.code, raised.value.message) == (INVALID_ARGUMENT, text)
    assert addend(handlers, name="a") == 3


def test_only_a_list_can_be_put_in_place(handlers):
    with pytest.raises(StatusError) as raised:
        reload(handlers, ModelServerConfig())
    assert (raised.value.code, raised.value.message) == (
        INVALID_ARGUMENT,
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList "
        "is currently supported",
    )


def test_a_reload_tells_of_a_new_model_that_cannot_be_loaded(handlers, toy, tmp_path):
    (tmp_path / "4").mkdir()
    broken = f"name: 'b' base_path: '{tmp_path}' {TENSORFLOW}"
    with pytest.raises(StatusError) as raised:
        reload(handlers, config(toy("a"), broken))
    assert raised.value.code is grpc.StatusCode.UNKNOWN
    assert raised.value.message.startswith(
        "1 servable(s) did not become available: {{{name: b version: 4} due to error: NOT_FOUND: "
    )
    assert addend(handlers, name="a") == 3


def test_a_reload_waits_for_a_new_model_until_its_deadline(handlers, toy, tmp_path, saved_toys):
    waiting = config(toy("a"), f"name: 'b' base_path: '{tmp_path}' {TENSORFLOW}")
    with pytest.raises(StatusError) as raised:
        reload(handlers, waiting, deadline=0.2)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    saved_toys(tmp_path / "1", 1.0)
    reload(handlers, config(toy("a")))
    reload(handlers, waiting)
    assert addend(handlers, name="b") == 1


@pytest.mark.parametrize("threads", [0, 2])
def test_versions_load_as_many_at_a_time_as_the_flag_says(
    start, toy, monkeypatch, threads, eventually
):
    handlers = start(config(toy()), num_load_threads=threads)
    running, most, numbers = set(), [], itertools.count()
    manager = handlers.models._manager
    load = manager._load

    def slow(version):
        me = next(numbers)
        running.add(me)
        most.append(len(running))
        time.sleep(0.2)
        running.discard(me)
        return load(version)

    monkeypatch.setattr(manager, "_load", slow)
    reload(handlers, config(toy("a", ALL), toy("b", ALL)))
    eventually(lambda: available(handlers, "a") == available(handlers, "b") == {1, 2, 3})
    assert max(most) == max(threads, 1)
