"""Versions that come, break and go while clients keep asking."""

from __future__ import annotations

import itertools
import pathlib
import shutil
import threading
from collections.abc import Callable
from concurrent import futures

import grpc
import pytest

from serving.client import ServingError


@pytest.fixture(scope="module")
def server(tmp_path_factory, saved_toys, start_server):
    base_path = tmp_path_factory.mktemp("changing")
    saved_toys(base_path / "1", 1.0)
    server = start_server(
        base_path, "--max_num_load_retries=1", "--load_retry_interval_micros=100000"
    )
    server.wait_until_ready()
    return server


@pytest.fixture(scope="module")
def push(server, saved_toys):
    """Adds the next version, whose number is also what it adds to its input."""
    numbers = itertools.count(2)

    def push(spoil: Callable[[pathlib.Path], object] | None = None) -> int:
        number = next(numbers)
        path = server.base_path / (f"spoilt-{number}" if spoil else str(number))
        saved_toys(path, float(number))
        if spoil:
            spoil(path)
            path.rename(server.base_path / str(number))
        return number

    return push


@pytest.fixture
def client(server):
    with server.client(timeout=20, retries=0) as client:
        yield client


def addend(client) -> int:
    return int(client.predict({"x": [[0.0]]})["half"][0, 0])


def states(client) -> dict[int, str]:
    return {status.version: status.state for status in client.status()}


def test_a_new_version_takes_over_without_a_failed_request(server, client, push, eventually):
    answers, failures, stop = set(), [], threading.Event()

    def hammer() -> None:
        with server.client(timeout=20, retries=0) as own:
            while not stop.is_set():
                try:
                    answers.add(addend(own))
                except ServingError as error:
                    failures.append(error)

    old = addend(client)
    with futures.ThreadPoolExecutor() as pool:
        try:
            for _ in range(3):
                pool.submit(hammer)
            new = push()
            eventually(lambda: addend(client) == new)
            newer = push()
            eventually(lambda: addend(client) == newer)
        finally:
            stop.set()
    assert not failures
    assert answers == {old, new, newer}
    eventually(lambda: states(client)[new] == "END")
    assert states(client)[newer] == "AVAILABLE"
    assert f"Model toy version {newer} is loaded, took " in server.log()
    assert f"Model toy version {old} is unloaded." in server.log()


def cut_graph(path: pathlib.Path) -> None:
    graph = path / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: (path / "saved_model.pb").unlink(), "SavedModel file does not exist"),
        (cut_graph, "Cannot parse file"),
        (lambda path: (path / "variables" / "variables.index").unlink(), "variables"),
        (lambda path: (path / "assets" / "words.txt").unlink(), "words.txt"),
    ],
    ids=["no graph", "half a graph", "no weights", "no asset"],
)
def test_a_broken_version_takes_nothing_away(server, client, push, eventually, spoil, reason):
    good = addend(client)
    broken = push(spoil)
    eventually(lambda: states(client).get(broken) == "END")
    assert states(client)[good] == "AVAILABLE"
    assert addend(client) == good
    (status,) = client.status(version=broken)
    assert reason in status.error
    lines = [line for line in server.log().splitlines() if f"version {broken} " in line]
    assert len(lines) == 2
    assert "retry 1 of 1 follows in 0.1 s" in lines[0]
    assert "it is given up" in lines[1]
    with pytest.raises(
        ServingError, match=rf"Servable not found for request: Specific\(toy, {broken}"
    ):
        client.predict({"x": [[0.0]]}, version=broken)


def test_a_version_is_unloaded_after_its_last_request(server, client, push, eventually, tmp_path):
    old, gate = addend(client), tmp_path / "gate"
    with futures.ThreadPoolExecutor() as pool:
        held = pool.submit(client.predict, {"path": str(gate)}, signature_name="hold")
        try:
            new = push()
            eventually(lambda: states(client)[old] == "UNLOADING")
            assert states(client)[new] == "AVAILABLE"
            assert addend(client) == new
            with pytest.raises(ServingError, match=rf"Specific\(toy, {old}\)"):
                client.predict({"x": [[0.0]]}, version=old)
            assert not held.done()
        finally:
            gate.touch()
        assert held.result()["addend"] == old
    eventually(lambda: states(client)[old] == "END")


def test_a_base_path_that_is_away_for_a_while_changes_nothing(server, client, eventually):
    number, elsewhere = addend(client), server.base_path.with_name("elsewhere")
    server.base_path.rename(elsewhere)
    eventually(lambda: f"Could not find base path {server.base_path}" in server.log())
    assert addend(client) == number
    elsewhere.rename(server.base_path)
    assert states(client)[number] == "AVAILABLE"


def test_without_versions_nothing_is_served_until_one_is_back(server, client, eventually):
    number = addend(client)
    kept = server.base_path.with_name("kept")
    shutil.copytree(server.base_path / str(number), kept)
    for child in server.base_path.iterdir():
        shutil.rmtree(child)
    eventually(lambda: set(states(client).values()) == {"END"})
    with pytest.raises(ServingError) as raised:
        addend(client)
    assert raised.value.code is grpc.StatusCode.NOT_FOUND
    assert raised.value.details == "Servable not found for request: Latest(toy)"
    kept.rename(server.base_path / str(number))
    eventually(lambda: states(client)[number] == "AVAILABLE")
    assert addend(client) == number
