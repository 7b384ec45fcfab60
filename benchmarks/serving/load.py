"""Load from ghz, a program in Go, so that the client takes as little of the machine as it can."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor
from tensorflow_serving.apis import prediction_service_pb2

from benchmarks.records import ROOT

PREDICT = "tensorflow.serving.PredictionService.Predict"
Figures = dict[str, float]


def ghz() -> str:
    """Return the path of ghz.

    Raises:
        FileNotFoundError: It is not there.
    """
    places = [str(ROOT / ".tools"), os.environ.get("PATH", "")]
    found = shutil.which("ghz", path=os.pathsep.join(places))
    if found is None:
        raise FileNotFoundError(
            "ghz is neither in .tools nor on PATH; `make .tools/ghz` installs it with Go."
        )
    return found


def warm(address: str, request: bytes) -> None:
    """Send a few requests, of which the first may take long.

    Raises:
        RuntimeError: They were not answered.
    """
    _run(address, request, ["--total", "20", "--concurrency", "1", "--timeout", "60s"])


def drive(
    address: str, request: bytes, seconds: float, in_flight: int = 1, rate: float = 0
) -> Figures:
    """Ask a server for some seconds.

    Args:
        address: `host:port`.
        request: A serialized PredictRequest.
        seconds: How long.
        in_flight: Of a closed loop, how many requests wait for their answer at any time.
        rate: Of an open loop, the requests a second that are sent whether answers come or not.

    Returns:
        `rate` of answers a second, `p50` and `p99` in milliseconds, and `failed`, the share of
        requests that were not answered.

    Raises:
        RuntimeError: None was answered.
    """
    options = ["--duration", f"{seconds}s", "--duration-stop", "wait"]
    options += ["--concurrency", str(in_flight), "--connections", str(min(in_flight, 4))]
    if rate:
        options += ["--rps", str(int(rate)), "--async"]
    return _run(address, request, options)


def _run(address: str, request: bytes, options: list[str]) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "request").write_bytes(request)
        (folder / "api").write_bytes(_protoset())
        command = [
            *(ghz(), "--insecure", "--protoset", str(folder / "api"), "--call", PREDICT),
            *("--binary-file", str(folder / "request"), "--format", "json", *options, address),
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(answer.stdout)
    answered = report["statusCodeDistribution"].get("OK", 0)
    if not answered:
        raise RuntimeError(f"{address} answered nothing: {report['errorDistribution']}")
    found = report["latencyDistribution"]
    latency = {entry["percentage"]: entry["latency"] / 1e6 for entry in found}
    return {
        "rate": report["rps"] * answered / report["count"],
        "p50": latency[50],
        "p99": latency[99],
        "failed": 1 - answered / report["count"],
    }


def _protoset() -> bytes:
    """Return the API's descriptors, those that it imports first."""
    files: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in files:
            for imported in file.dependencies:
                add(imported)
            files[file.name] = file

    add(prediction_service_pb2.DESCRIPTOR)
    packed = descriptor_pb2.FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(packed.file.add())
    return packed.SerializeToString()
