"""The HTTP server at its limits: too many requests, too large ones, and requests while it stops."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tensorflow_serving.apis import get_model_status_pb2

from serving.server.errors import StatusError
from serving.server.options import ServerOptions
from serving.server.rest import app
from tests.serving.conftest import free_port


class Held:
    """Handlers whose answers about `held` wait until they are let go."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.started = threading.Semaphore(0)
        self.go = threading.Event()

    def get_model_status(self, request, deadline):
        if request.model_spec.name == "held":
            self.started.release()
            assert self.go.wait(60)
        if request.model_spec.name == "broken":
            raise RuntimeError("a mistake of the server")
        return get_model_status_pb2.GetModelStatusResponse()


class Http:
    def __init__(self) -> None:
        self.options = ServerOptions(rest_api_port=free_port(), rest_api_num_threads=1)
        self.handlers = Held(self.options)
        self.server = app.start(self.handlers, self.options)
        self.pool = ThreadPoolExecutor()

    def ask(self, path: str, verb: str = "GET", body: bytes = b"") -> tuple[int, str]:
        connection = http.client.HTTPConnection("localhost", self.options.rest_api_port, timeout=60)
        try:
            connection.request(verb, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def hold(self) -> Future:
        """A request that runs until `handlers.go` is set."""
        future = self.pool.submit(self.ask, "/v1/models/held")
        assert self.handlers.started.acquire(timeout=60)
        return future


@pytest.fixture
def make_http() -> Iterator[Callable[[], Http]]:
    made: list[Http] = []

    def make() -> Http:
        made.append(Http())
        return made[-1]

    yield make
    for server in made:
        server.handlers.go.set()
        server.pool.shutdown()
        if not server.server._loop.is_closed():
            server.server.stop(5)


def test_more_requests_than_may_wait_are_refused_at_once(make_http, monkeypatch):
    monkeypatch.setattr(app, "_MAX_WAITING", 0)
    server = make_http()
    held = server.hold()
    status, text = server.ask("/v1/models/m")
    assert status == 429
    assert "1 requests wait for an answer already" in text
    server.handlers.go.set()
    assert held.result(60)[0] == 200
    assert server.ask("/v1/models/m")[0] == 200


def test_a_body_beyond_the_limit_is_refused(make_http, monkeypatch):
    monkeypatch.setattr(app, "_MAX_BODY_BYTES", 1000)
    server = make_http()
    status, text = server.ask("/v1/models/m:predict", "POST", b" " * 1001)
    assert status == 413
    assert "The request's body is larger than 1000 bytes; split it." in text
    assert server.ask("/v1/models/m")[0] == 200


def test_a_mistake_of_the_server_is_an_answer_too(make_http):
    status, text = make_http().ask("/v1/models/broken")
    assert status == 500
    assert "a mistake of the server" in text


def test_a_taken_port_is_told(make_http):
    server = make_http()
    with pytest.raises(StatusError) as error:
        app.start(server.handlers, server.options)
    assert error.value.code.name == "UNAVAILABLE"
    assert f"Failed to start HTTP Server at localhost:{server.options.rest_api_port}" in str(
        error.value
    )


def test_while_it_stops_running_requests_are_answered_and_new_ones_never_hang(make_http):
    server = make_http()
    held = server.hold()
    stopping = server.pool.submit(server.server.stop, 60)
    outcomes = []
    for _ in range(200):
        try:
            outcomes.append(server.ask("/"))
        except ConnectionError as error:
            outcomes.append(error)
            if isinstance(error, ConnectionRefusedError):
                break
    assert isinstance(outcomes[-1], ConnectionRefusedError)
    assert not stopping.done()
    server.handlers.go.set()
    assert held.result(60)[0] == 200
    stopping.result(60)


def test_a_stop_waits_no_longer_than_it_is_told(make_http):
    server = make_http()
    held = server.hold()
    server.server.stop(0.2)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        held.result(60)
