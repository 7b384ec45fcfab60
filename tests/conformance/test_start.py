"""What the embedded server takes and refuses when it is started, and how it ends."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import socket
import threading

import grpc
import numpy as np
import pytest

from tests.conformance import models
from tests.conformance.rows import BY_ID, Row, check, each
from tests.conformance.target import (
    SECONDS,
    Process,
    Target,
    eventually,
    free_port,
    predict_request,
    values,
)

X = np.float32([[1.0]])
REFUSED = {
    "start-no-model": [],
    "start-batching-file": ["--model_base_path=/nowhere", "--batching_parameters_file=/nothing"],
    "start-three-parallelisms": [
        "--model_base_path=/nowhere",
        "--tensorflow_session_parallelism=1",
        "--tensorflow_intra_op_parallelism=1",
        "--tensorflow_inter_op_parallelism=1",
    ],
    "start-no-port": ["--model_base_path={folder}/half_plus_two", "--port=0"],
    "start-alts-and-ssl": [
        "--model_base_path={folder}/half_plus_two",
        "--use_alts_credentials",
        "--ssl_config_file={folder}/ssl.config",
    ],
    "start-bad-config": ["--model_config_file={folder}/bad.config"],
    "start-bad-config-stderr": ["--model_config_file={folder}/bad.config"],
    "start-broken-model": [
        "--model_name=broken",
        "--model_base_path={folder}/broken",
        "--max_num_load_retries=0",
    ],
}


@pytest.fixture(scope="module")
def folder(model_folder: pathlib.Path) -> pathlib.Path:
    (model_folder / "bad.config").write_text("model_config_list { config { nme: 'x' } }")
    (model_folder / "ssl.config").write_text("")
    (model_folder / "broken" / "1").mkdir(parents=True)
    (model_folder / "broken" / "1" / "saved_model.pb").write_bytes(b"no model")
    return model_folder


@each("Start", REFUSED)
def test_refusal_at_the_start(row: Row, case: list[str], folder: pathlib.Path, start):
    server = start(*(flag.format(folder=folder) for flag in case))
    assert server.process.wait(SECONDS) == 255
    lines = server.output().splitlines()
    if row.id == "start-bad-config-stderr":
        assert any(row.matches(line) for line in lines), server.output()
        return
    failures = [line for line in lines if line.startswith("Failed to start server. Error: ")]
    assert len(failures) == 1, server.output()
    # The status is its code in words and its message.
    message = failures[0].removeprefix("Failed to start server. Error: ").partition(": ")[2]
    assert row.matches(message), f"{message!r} for {row.message!r}"


@check("start-unknown-flag", "start-version")
def test_unknown_flags_and_the_version(start):
    server = start("--no_such_flag=1", "--version")
    assert server.process.wait(SECONDS) == 0
    lines = server.output().splitlines()
    assert lines[0] == "unknown argument: --no_such_flag=1"
    assert lines[-2].startswith("TensorFlow ModelServer: ")
    assert lines[-1].startswith("TensorFlow Library: ")
    assert any("--model_base_path" in line for line in lines)


@check("start-bad-flag")
def test_a_value_of_another_type(start):
    server = start("--port=high")
    assert server.process.wait(SECONDS) == 255
    assert "--model_base_path" in server.output()


@check("flag-spellings")
def test_spellings(start, model_folder):
    """Of spellings that work in one way alone: the server must start, with each as it is told."""
    server = start(
        *("--model_name", "spelt"),
        f"--model_base_path={model_folder}/half_plus_two",
        "--enable_grpc_healthcheck_service=false",
        "--noenable_model_warmup",
        "--rest_api_enable_cors_support",
    )
    server.wait_until_ready("spelt")
    headers = server.get("/v1/models/spelt", headers={"Origin": "http://a.org"}).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "unknown argument" not in server.output()


@pytest.fixture(scope="module")
def usage() -> str:
    """What the server prints of its flags, once, told all of them."""
    server = Process(
        *(f"--{row.id}={_default(row)}" for row in BY_ID.values() if _is_told(row)),
        "--no_such_flag",
    )
    server.process.wait(SECONDS)
    text = server.output()
    server.kill()
    return text


def _is_told(row: Row) -> bool:
    return row.section == "Flags" and row.code != "" and row.id not in ("version", "port")


def _default(row: Row) -> str:
    if row.code == "4 x CPU":
        return str(4 * (os.cpu_count() or 1))
    return str(row.code).lower() if isinstance(row.code, bool) else str(row.code)


@each("Flags")
def test_flag(row: Row, usage: str):
    assert "unknown argument: --no_such_flag" in usage
    assert f"unknown argument: --{row.id}" not in usage
    shown = re.findall(rf'^\s*--{row.id}="?([^\s"]*)"?', usage, re.MULTILINE)
    assert shown, f"--{row.id} is not in the usage"
    if row.code != "":
        # 0 of a share is written as 0.0 or 0.
        assert shown[-1].removesuffix(".0") == _default(row)


@check("start-same-ports")
def test_the_same_port_twice(start, model_folder):
    port = free_port()
    server = start(
        f"--port={port}",
        f"--rest_api_port={port}",
        f"--model_base_path={model_folder}/half_plus_two",
    )
    asked = Target(f"localhost:{port}")
    eventually(lambda: server.process.poll() is not None or _listens(port))
    assert values(asked.predict("default", {"x": X}).outputs["y"]) == [2.5]
    assert str(port) in server.output() and "REST" in server.output().upper()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@check("listens-when-ready", "rest-off", "health-off", "drain")
def test_from_the_first_model_to_the_last_request(start, model_folder):
    """One server: it waits for its model, listens, serves, and drains."""
    base = model_folder / "late"
    base.mkdir()
    server = start("--rest_api_port=0", "--model_name=late", f"--model_base_path={base}")
    eventually(lambda: "late" in server.output() or server.process.poll() is not None)
    threading.Event().wait(3)
    assert server.process.poll() is None
    assert not _listens(server.ports[0]) and not _listens(server.ports[1])
    shutil.copytree(model_folder / "many" / "1", base / "unfinished")
    (base / "unfinished").rename(base / "1")
    server.wait_until_ready("late")
    assert not _listens(server.ports[1])
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    health = health_pb2_grpc.HealthStub(server.channel)
    with pytest.raises(grpc.RpcError) as refused:
        health.Check(health_pb2.HealthCheckRequest(), SECONDS)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED

    slow = predict_request("late", {"seconds": np.float64(2)}, "slow")
    running = server.prediction.Predict.future(slow, SECONDS)
    threading.Event().wait(0.5)
    assert server.stop() == 0
    assert running.result().outputs["turns"].int_val[0] > 0


@check("config-poll", "config-poll-broken", "metrics-off")
def test_a_changed_config_file(start, model_folder, tmp_path):
    path = tmp_path / "models.config"

    def write(label: int) -> None:
        config = models.model("versions", str(model_folder), specific=[1, 2])
        config.version_labels["live"] = label
        path.write_text(f"model_config_list {{ config {{ {config} }} }}")

    write(1)
    server = start(
        f"--model_config_file={path}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models",
    )
    server.wait_until_ready("versions")
    assert ":tensorflow" not in server.get("/monitoring/prometheus/metrics").text

    def answers() -> int:
        return server.predict("versions", {"x": X}, version_label="live").model_spec.version.value

    assert answers() == 1
    path.write_text("this is no config")
    threading.Event().wait(2.5)
    assert answers() == 1
    write(2)
    eventually(lambda: answers() == 2)
