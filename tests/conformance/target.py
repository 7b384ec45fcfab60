"""A server that is asked, by the stubs of TF Serving's API and by `requests`."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    input_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from tests.conformance import models

ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 120
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that starts is found within seconds, which are also what a connection may take.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5000),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


@dataclass
class Target:
    """A running server.

    Args:
        address: `host:port` of gRPC.
        rest: `host:port` of REST.
        folder: the folder of the models, as this process sees it.
        server_folder: the same as the server sees it.
        credentials: of the channel, for TLS.
        metrics_path: where its metrics are told.
    """

    address: str
    rest: str = ""
    folder: pathlib.Path = pathlib.Path()
    server_folder: str = ""
    credentials: grpc.ChannelCredentials | None = None
    metrics_path: str = "/monitoring/prometheus/metrics"
    channel: grpc.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = (
            grpc.secure_channel(self.address, self.credentials, _OPTIONS)
            if self.credentials
            else grpc.insecure_channel(self.address, _OPTIONS)
        )
        if self.credentials:
            # While calls fail at once, this alone reads what the server says in a handshake.
            self.channel.subscribe(lambda _: None)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    @classmethod
    def at(cls, text: str) -> Target:
        """Reads `host:port,rest=host:port,models=FOLDER,base=FOLDER_OF_SERVER`."""
        address, *pairs = text.split(",")
        given = dict(pair.split("=", 1) for pair in pairs)
        folder = pathlib.Path(given.get("models", ".")).resolve()
        host = address.rpartition(":")[0]
        rest = given.get("rest", f"{host}:8501")
        return cls(address, rest, folder, given.get("base", str(folder)))

    def predict(
        self, model: str, inputs: Mapping[str, Any], signature: str = "", **spec: Any
    ) -> predict_pb2.PredictResponse:
        """Calls Predict; `version`, `version_label`, `output_filter` and `timeout` as keywords."""
        timeout = spec.pop("timeout", SECONDS)
        return self.prediction.Predict(predict_request(model, inputs, signature, **spec), timeout)

    def states(self, model: str, version: int | None = None) -> dict[int, str]:
        """The states of a model's versions."""
        answer = self.status(model, version).model_version_status
        return {status.version: status.State.Name(status.state) for status in answer}

    def status(self, model: str, version: int | None = None, label: str = "") -> Any:
        """Calls GetModelStatus."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        if version is not None:
            request.model_spec.version.value = version
        if label:
            request.model_spec.version_label = label
        return self.models.GetModelStatus(request, SECONDS)

    def reload(self, *more: model_server_config_pb2.ModelConfig, keep: bool = True) -> None:
        """Reloads the configuration: the usual models, unless they are left out, and others."""
        request = model_management_pb2.ReloadConfigRequest()
        usual = models.models(self.server_folder) if keep else []
        replaced = {config.name for config in more}
        usual = [config for config in usual if config.name not in replaced]
        request.config.model_config_list.config.extend([*usual, *more])
        answer = self.models.HandleReloadConfigRequest(request, SECONDS)
        assert answer.status.error_code == 0, answer.status.error_message

    def wait_until_available(self) -> None:
        """Waits for the usual models."""
        for config in models.models(self.server_folder):
            eventually(lambda name=config.name: "AVAILABLE" in self.states(name).values())

    def get(self, path: str, **options: Any) -> requests.Response:
        """GETs a path of the REST port."""
        return requests.get(f"http://{self.rest}{path}", timeout=SECONDS, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        """POSTs JSON, or a text or bytes as they are, to a path under /v1/models/."""
        options |= {"data": body} if isinstance(body, (str, bytes)) else {"json": body}
        return requests.post(f"http://{self.rest}/v1/models/{path}", timeout=SECONDS, **options)

    def metrics(self) -> dict[str, float]:
        """The samples of the exposition by name and labels, the labels in order of name."""
        text = self.get(self.metrics_path).text
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                metric, labels = _parts(name)
                samples[sample(metric, **labels)] = float(value)
        return samples


class Process(Target):
    """An embedded server in a process of its own, on free ports."""

    def __init__(self, *flags: str, **options: Any) -> None:
        self.ports = free_port(), free_port()
        self.flags = flags
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        given = {flag.partition("=")[0] for flag in flags}
        own = [f"--port={self.ports[0]}", f"--rest_api_port={self.ports[1]}"]
        command = [sys.executable, "-m", "serving.server", *flags]
        command += [flag for flag in own if flag.partition("=")[0] not in given]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        super().__init__(f"localhost:{self.ports[0]}", f"localhost:{self.ports[1]}", **options)

    def output(self) -> str:
        """What it has printed."""
        # The offset of the file is the server's: reading must not move it.
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode()

    def wait_until_ready(self, model: str) -> None:
        """Waits for the port and a version of a model."""

        def ready() -> bool:
            assert self.process.poll() is None, self.output()
            try:
                return "AVAILABLE" in self.states(model).values()
            except grpc.RpcError:
                return False

        try:
            eventually(ready)
        except AssertionError as error:
            raise AssertionError(f"{model} is not served:\n{self.output()}") from error

    def stop(self) -> int:
        """Sends SIGTERM and returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        """Ends it at once."""
        self.channel.close()
        self.process.kill()
        self.process.wait()
        self.log.close()


def predict_request(
    model: str,
    inputs: Mapping[str, Any],
    signature: str = "",
    version: int | None = None,
    version_label: str = "",
    output_filter: tuple[str, ...] = (),
) -> predict_pb2.PredictRequest:
    """Builds a request as the guide of TF Serving does; a TensorProto is taken as it is."""
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version is not None:
        request.model_spec.version.value = version
    if version_label:
        request.model_spec.version_label = version_label
    for name, value in inputs.items():
        is_proto = hasattr(value, "tensor_shape")
        request.inputs[name].CopyFrom(value if is_proto else tf.make_tensor_proto(value))
    return request


def examples(*values: float) -> input_pb2.Input:
    """Examples of the feature x."""
    return input_pb2.Input(
        example_list=input_pb2.ExampleList(examples=[example(x=value) for value in values])
    )


def example(**features: float) -> tf.train.Example:
    """An example of float features."""
    message = tf.train.Example()
    for name, value in features.items():
        message.features.feature[name].float_list.value.append(value)
    return message


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the message of a call that must fail."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError(f"it was answered: {answer}")


def sample(name: str, **labels: str) -> str:
    """The key of a sample in `Target.metrics`."""
    inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}"


def _parts(text: str) -> tuple[str, dict[str, str]]:
    name, _, inner = text.partition("{")
    return name, dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', inner))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Waits until something holds; the limit only ends a test that has failed."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def values(proto: Any) -> list[float]:
    """The typed floats of a tensor, to six digits."""
    return np.round(proto.float_val, 6).tolist()
