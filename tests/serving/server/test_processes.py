"""A server of several processes: what is told to one of them holds for all."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import socket

import grpc
import numpy as np
import pytest
import requests
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)

from serving.client import ServingClient, ServingError
from serving.server import metrics, peers, processes
from serving.server.checks import check_options
from serving.server.errors import StatusError, not_found
from serving.server.options import ServerOptions
from serving.server.request_log import RequestLog
from serving.server.shared_handlers import SharedHandlers
from serving.server.status import least_advanced

CONNECTIONS = 24


@pytest.fixture(scope="module")
def server(tmp_path_factory, saved_toys, start_server):
    base_path = tmp_path_factory.mktemp("shared")
    saved_toys(base_path / "1", 1.0)
    config = base_path / "monitoring.config"
    config.write_text("prometheus_config { enable: true }")
    server = start_server(base_path, "--processes=2", f"--monitoring_config_file={config}")
    server.wait_until_ready()
    return server


def predict(server, model="toy", version=None) -> list[float]:
    """Asks over so many connections that each process gets some of them."""
    answers = []
    for _ in range(CONNECTIONS):
        with ServingClient(server.address, model=model, timeout=60) as client:
            answers.append(client.predict({"x": [[1.0]]}, version=version)["half"].item())
    return answers


def counted(server) -> int:
    page = requests.get(
        f"http://localhost:{server.rest_port}/monitoring/prometheus/metrics", timeout=60
    ).text
    found = re.search(r'request_count\{model_name="toy",status="OK"\} (\d+)', page)
    return int(found[1]) if found else 0


def workers(server) -> list[int]:
    parent = server.process.pid
    children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    command = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
    return [int(pid) for pid in children if "spawn_main" in command[pid]]


def used(pid: int) -> int:
    """Processor time so far, in ticks."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def has_ended(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_each_answers_and_the_metrics_are_those_of_all(server):
    before, start = counted(server), [used(pid) for pid in workers(server)]
    assert len(start) == 2
    for _ in range(4):
        assert predict(server) == [1.5] * CONNECTIONS
    # Whichever of the processes is asked for the page.
    assert {counted(server) - before for _ in range(8)} == {4 * CONNECTIONS}
    assert all(used(pid) > ticks for pid, ticks in zip(workers(server), start, strict=True))


def test_a_new_configuration_and_a_new_version_hold_for_all(
    server, saved_toys, eventually, tmp_path
):
    saved_toys(tmp_path / "4", 3.0)
    request = model_management_pb2.ReloadConfigRequest()
    for name, path in {"toy": server.base_path, "other": tmp_path}.items():
        request.config.model_config_list.config.add(
            name=name, base_path=str(path), model_platform="tensorflow"
        )
    stub = model_service_pb2_grpc.ModelServiceStub(server.channel)
    stub.HandleReloadConfigRequest(request, timeout=60)
    assert predict(server, "other") == [3.5] * CONNECTIONS
    saved_toys(server.base_path / "2", 2.0)
    with server.client(timeout=60) as client:
        eventually(lambda: client.status()[0].version == 2)
        eventually(lambda: client.status()[0].state == "AVAILABLE")
    # The moment one says so, all have it.
    assert predict(server, version=2) == [2.5] * CONNECTIONS
    request.config.model_config_list.config[0].version_labels["live"] = 9
    with pytest.raises(grpc.RpcError, match="assign label to version 9"):
        stub.HandleReloadConfigRequest(request, timeout=60)
    with ServingClient(server.address, model="nothing") as client, pytest.raises(ServingError):
        client.status()


def test_it_ends_with_the_first_of_its_processes(tmp_path, saved_toys, start_server, eventually):
    saved_toys(tmp_path / "1", 1.0)
    server = start_server(tmp_path, "--processes=2")
    server.wait_until_ready()
    first, second = workers(server)
    os.kill(first, signal.SIGKILL)
    assert server.process.wait(60) == 255
    assert "A process of the server ended" in server.log()
    assert has_ended(second)


def test_no_process_outlives_its_parent(tmp_path, saved_toys, start_server, eventually):
    saved_toys(tmp_path / "1", 1.0)
    server = start_server(tmp_path, "--processes=2")
    server.wait_until_ready()
    children = workers(server)
    server.process.kill()
    assert len(children) == 2
    eventually(lambda: all(map(has_ended, children)))


def test_it_stops_when_told_to(server):
    assert server.stop() == 0
    assert server.log().count("running requests get") == 2
    assert "Traceback" not in server.log()


def test_ports_are_kept_for_its_processes():
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        told = f"listen on 0.0.0.0:{port}.*another --rest_api_port"
        options = ServerOptions(port=0, rest_api_port=port)
        with pytest.raises(StatusError, match=told), processes._reserved(options):
            pass
    with processes._reserved(ServerOptions(port=port)):
        with socket.socket() as rival, pytest.raises(OSError, match="in use"):
            rival.bind(("", port))
        with socket.create_server(("", port), reuse_port=True):
            pass
    with socket.create_server(("", port)):
        pass


def test_each_process_has_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    shared = processes._shared(ServerOptions(processes=3))
    assert shared.tensorflow_intra_op_parallelism == 2
    told = ServerOptions(processes=3, tensorflow_session_parallelism=5)
    assert processes._shared(told) == told


def test_what_one_knows_and_another_does_not(start, tmp_path, saved_toys):
    for folder, version in (("a", "1"), ("b", "1"), ("b", "2")):
        (tmp_path / folder).mkdir(exist_ok=True)
        saved_toys(tmp_path / folder / version, 1.0)
    addresses = tuple(str(tmp_path / f"socket-{number}") for number in range(2))
    both = []
    for number, folder in enumerate("ab"):
        plain = start(model_name="toy", model_base_path=str(tmp_path / folder))
        seat = peers.Seat(number, addresses, b"key", None)
        both.append(SharedHandlers(plain.models, plain.options, RequestLog(), seat))
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "toy"
    states = [
        {
            status.version: status.state
            for status in one.get_model_status(request).model_version_status
        }
        for one in both
    ]
    state = get_model_status_pb2.ModelVersionStatus
    # By default the highest version alone is served.
    assert states[0] == states[1] == {2: state.START, 1: state.START}
    request.model_spec.version.value = 3
    with pytest.raises(StatusError, match="Could not find version 3 of model toy"):
        both[0].get_model_status(request)


def test_a_version_is_as_far_as_in_the_last_process():
    state = get_model_status_pb2.ModelVersionStatus

    def response(**states):
        answer = get_model_status_pb2.GetModelStatusResponse()
        for version, value in states.items():
            answer.model_version_status.add(version=int(version[1:]), state=value)
        return answer

    failed = response(v4=state.END)
    failed.model_version_status[0].status.error_code = 5
    merged = least_advanced(
        [
            response(v3=state.AVAILABLE, v2=state.AVAILABLE, v1=state.END, v4=state.AVAILABLE),
            response(v2=state.LOADING, v1=state.UNLOADING),
            failed,
        ]
    )
    assert [(v.version, v.state, v.status.error_code) for v in merged.model_version_status] == [
        (4, state.END, 5),
        (3, state.START, 0),
        (2, state.START, 0),
        (1, state.START, 0),
    ]
    two = least_advanced(
        [
            response(v2=state.AVAILABLE, v1=state.END),
            response(v2=state.LOADING, v1=state.UNLOADING),
        ]
    )
    assert [v.state for v in two.model_version_status] == [state.LOADING, state.UNLOADING]


def test_what_others_recorded_is_added():
    counter = metrics.Counter("/test/total", ["name"])
    counter.increment("a", by=2)
    others = [{("a",): (np.array([1]), 3), ("b",): (np.array([1]), 5)}]
    assert counter.lines(others)[1:] == [':test:total{name="a"} 5', ':test:total{name="b"} 5']
    histogram = metrics.Histogram("/test/size", [], [1, 2])
    histogram.observe(1.5)
    lines = histogram.lines([{(): (np.array([1, 0, 2]), 7.0)}])
    assert [line.rsplit(" ", 1)[1] for line in lines[1:]] == ["1", "2", "4", "8.5", "4"]
    assert histogram.lines()[-1].endswith(" 1")


def test_what_another_refuses_comes_back_and_who_has_ended_is_left_out(tmp_path):
    addresses = tuple(str(tmp_path / str(number)) for number in range(3))
    seats = [peers.Seat(number, addresses, b"key", None) for number in range(3)]

    def refuse(what):
        raise not_found(f"no {what}")

    peers.Peers(seats[1]).answer({"double": lambda x: 2 * x, "refuse": refuse})
    first = peers.Peers(seats[0])
    assert first.ask("double", 21) == [42]
    (error,) = first.ask("refuse", "model")
    assert isinstance(error, StatusError)
    assert str(error) == "NOT_FOUND: no model"
    stranger = peers.Peers(peers.Seat(2, addresses, b"other key", None))
    with pytest.raises(Exception, match="digest"):
        stranger.ask("double", 21)
    assert first.ask("double", 1) == [2]


def test_flags_that_several_processes_cannot_have():
    base = ServerOptions(model_base_path="/m")
    check_options(base)
    with pytest.raises(StatusError, match="--processes=0 must be at least 1"):
        check_options(ServerOptions(model_base_path="/m", processes=0))
    with pytest.raises(StatusError, match="cannot share a UNIX socket"):
        check_options(ServerOptions(model_base_path="/m", processes=2, grpc_socket_path="/s"))
