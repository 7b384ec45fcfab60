"""The contenders, each a process of its own that answers the same requests."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks.records import ROOT
from benchmarks.serving import load
from benchmarks.serving.models import Served

_START_SECONDS = 120
_BATCHING = """max_batch_size { value: 512 }
batch_timeout_micros { value: 500 }
num_batch_threads { value: 2 }
max_enqueued_batches { value: 100 }
"""


class Server:
    """A gRPC server, ours or another's.

    Args:
        address: Where it listens.
        model: What it serves.
    """

    def __init__(self, address: str, model: Served) -> None:
        self.address = address
        self._model = model
        self._requests: dict[int, bytes] = {}

    def measure(self, batch: int, seconds: float, in_flight: int, rate: float = 0) -> load.Figures:
        """Return the figures of a load."""
        if batch not in self._requests:
            self._requests[batch] = self._model.request(batch)
            load.warm(self.address, self._requests[batch])
        return load.drive(self.address, self._requests[batch], seconds, in_flight, rate)


class InProcess:
    """The model without a server, in a process of its own all the same."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def measure(self, batch: int, seconds: float, in_flight: int, rate: float = 0) -> load.Figures:
        """Return the figures of as many threads as there are requests in flight, or processors."""
        threads = min(in_flight, os.cpu_count() or 1)
        self._process.stdin.write(json.dumps([batch, seconds, threads]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def contenders(model: Served, address: str = "") -> Iterator[dict[str, Server | InProcess]]:
    """Start all, and end them.

    Args:
        model: What they serve.
        address: A TF Serving that serves the same.
    """
    module = [sys.executable, "-m"]
    own = ["serving.server", f"--model_name={model.name}", f"--model_base_path={model.folder}"]
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        batching = pathlib.Path(folder) / "batching.config"
        batching.write_text(_BATCHING)
        flags = ["--enable_batching", f"--batching_parameters_file={batching}"]
        processes = [*own, f"--processes={os.cpu_count()}"]
        started, ways = {}, {"ours": own, "ours, processes": processes}
        if model.batches:
            ways |= {"ours, batching": [*own, *flags], "ours, processes": [*processes, *flags]}
        for name, command in ways.items():
            port = _free_port()
            stack.enter_context(_process([*module, *command, f"--port={port}"]))
            started[name] = Server(f"127.0.0.1:{port}", model)
        port = _free_port()
        trivial = ["benchmarks.serving.trivial_server", str(model.version), model.signature]
        stack.enter_context(_process([*module, *trivial, str(port)]))
        started["trivial"] = Server(f"127.0.0.1:{port}", model)
        for server in started.values():
            _wait(server.address)
        if address:
            started["TF Serving"] = Server(address, model)
        command = [*module, "benchmarks.serving.in_process", model.name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started["in process"] = InProcess(stack.enter_context(_process(command, **pipes)))
        yield started


@contextlib.contextmanager
def _process(command: list[str], **options: object) -> Iterator[subprocess.Popen]:
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, **(silent | options))
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait(address: str) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"Nobody listens at {address} after {_START_SECONDS} s.")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
