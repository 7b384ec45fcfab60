"""The process: command line, start, and stop."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
from concurrent import futures

import grpc
import pytest

from serving.client import ServingError
from serving.server.app import run
from serving.server.errors import StatusError
from serving.server.grpc_server import GrpcServer
from serving.server.handlers import Handlers
from serving.server.loading import Loader
from serving.server.manager import Manager
from serving.server.options import ServerOptions
from serving.server.registry import Models
from serving.server.request_log import RequestLog

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="module")
def processes(tmp_path_factory, start_server):
    """Two servers that start side by side: one waits for a version, one cannot start."""
    waiting = tmp_path_factory.mktemp("waiting")
    broken = tmp_path_factory.mktemp("broken")
    (broken / "5").mkdir()
    return {
        "waiting": start_server(waiting, "--nonsense=1", "stray"),
        "broken": start_server(broken, "--max_num_load_retries=0"),
    }


def test_it_listens_once_a_version_is_there_and_drains_when_told_to_stop(
    processes, saved_toys, eventually, tmp_path
):
    server, gate = processes["waiting"], tmp_path / "gate"
    eventually(lambda: "No versions of servable toy found under base path" in server.log())
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0
    saved_toys(server.base_path / "1", 1.0)
    server.wait_until_ready()
    with server.client(timeout=20, retries=0) as client, futures.ThreadPoolExecutor() as pool:
        held = pool.submit(client.predict, {"path": str(gate)}, signature_name="hold")
        try:
            eventually(held.running)
            client.predict({"x": [[1.0]]})
            server.process.terminate()
            eventually(lambda: "running requests get" in server.log())
            with pytest.raises(ServingError) as raised:
                client.predict({"x": [[1.0]]})
            assert raised.value.code is grpc.StatusCode.UNAVAILABLE
            assert server.process.poll() is None and not held.done()
        finally:
            gate.touch()
        assert held.result()["addend"] == 1
    assert server.process.wait(60) == 0
    log = server.log()
    assert log.index("unknown argument: --nonsense=1\nunknown argument: stray\n") == 0
    assert log.count("usage: python -m serving.server") == 1
    assert "Traceback" not in log


def test_a_first_version_that_cannot_be_loaded_ends_the_process(processes):
    server = processes["broken"]
    assert server.process.wait(60) == 255
    assert (
        "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: "
        "{{{name: toy version: 5} due to error: NOT_FOUND: SavedModel file does not exist"
    ) in server.log()


def main(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a fresh interpreter and says whether it imported TensorFlow."""
    code = (
        "import sys; from serving.server.__main__ import main; status = main(); "
        "print('tensorflow' in sys.modules, file=sys.stderr); sys.exit(status)"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_help_does_not_wait_for_tensorflow():
    answer = main("--help")
    assert (answer.returncode, answer.stderr) == (0, "False\n")
    assert answer.stdout.startswith("usage: python -m serving.server")


def test_a_flag_that_cannot_be_read_ends_the_process_with_usage():
    answer = main("--port=http")
    assert (answer.returncode, answer.stderr) == (255, "False\n")
    assert answer.stdout.startswith("Couldn't interpret value http for flag port")
    assert "usage: python -m serving.server" in answer.stdout


TOY = {"model_name": "m", "model_base_path": "/m"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {},
            "Both server_options.model_base_path and server_options.model_config_file are empty!",
        ),
        (
            {"model_name": "m", "model_base_path": "a/b"},
            "Expected model m to have an absolute path or URI; got base_path()=a/b",
        ),
        (
            TOY | {"batching_parameters_file": "/batch"},
            "server_options.batching_parameters_file is set without setting "
            "server_options.enable_batching to true.",
        ),
        (
            TOY
            | {f"tensorflow_{kind}_parallelism": 2 for kind in ("session", "intra_op", "inter_op")},
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, "
            "server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all.",
        ),
        (
            TOY | {"port": 0},
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be "
            "set.",
        ),
        (
            TOY | {"use_alts_credentials": True, "ssl_config_file": "/ssl"},
            "server_options.use_alts_credentials and server_options.ssl_config_file cannot be set "
            "together.",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_keeps_a_server_from_starting(flags, message):
    with pytest.raises(StatusError) as raised:
        run(ServerOptions(**flags))
    assert str(raised.value) == f"INVALID_ARGUMENT: {message}"


def test_flags_are_refused_before_tensorflow_is_imported():
    answer = main("--port=0")
    assert (answer.returncode, answer.stderr) == (255, "False\n")
    assert answer.stdout == (
        "Failed to start server. Error: INVALID_ARGUMENT: At least one of "
        "server_options.grpc_port or server_options.grpc_socket_path must be set.\n"
    )


def test_a_taken_port(toy_server):
    options = ServerOptions(port=toy_server.port)
    models = Models(Manager(options, Loader(options)), options, RequestLog())
    with pytest.raises(StatusError, match=f"cannot listen on 0.0.0.0:{toy_server.port}, "):
        GrpcServer(Handlers(models, options), options)
