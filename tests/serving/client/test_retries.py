"""The client against servers that fail on purpose."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client import ServingClient, ServingError, Tls


class Scripted(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Fails as often as told, then answers; its `recommend` takes the inputs it is given."""

    def __init__(self, code: grpc.StatusCode, failures: int, pushback: str = "") -> None:
        self.code = code
        self.pushback = pushback
        self.failures = failures
        self.inputs = {"user_id"}
        self.version = 1
        self.requests: list[predict_pb2.PredictRequest] = []

    def Predict(self, request, context):  # noqa: N802
        self.requests.append(request)
        if len(self.requests) <= self.failures:
            if self.pushback:
                context.set_trailing_metadata([("grpc-retry-pushback-ms", self.pushback)])
            context.abort(self.code, "not now")
        if set(request.inputs) != self.inputs:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "other inputs")
        response = predict_pb2.PredictResponse()
        response.model_spec.version.value = self.version
        for name, field, value in (("item_id", "string_val", b"i"), ("score", "float_val", 1.0)):
            output = response.outputs[name]
            output.dtype = 7 if name == "item_id" else 1
            output.tensor_shape.dim.add().size = 1
            output.tensor_shape.dim.add().size = 1
            getattr(output, field).append(value)
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name in self.inputs:
            signatures.signature_def["recommend"].inputs[name].dtype = 7
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.version.value = self.version
        response.metadata["signature_def"].Pack(signatures)
        return response


@contextmanager
def scripted(
    code: grpc.StatusCode,
    failures: int = 0,
    credentials: grpc.ServerCredentials | None = None,
    pushback: str = "",
) -> Iterator[tuple[Scripted, int]]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    service = Scripted(code, failures, pushback)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    address = "127.0.0.1:0"
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    server.start()
    yield service, port
    server.stop(None)


def ask(port: int, **options: object) -> None:
    with ServingClient(f"127.0.0.1:{port}", model="toy", **options) as client:
        client.predict({"user_id": ["u"]})


def test_unavailable_is_tried_again_with_growing_pauses(monkeypatch):
    pauses = []
    monkeypatch.setattr("serving.client.client.time.sleep", pauses.append)
    with scripted(grpc.StatusCode.UNAVAILABLE, failures=3) as (service, port):
        ask(port, retries=3)
    assert len(service.requests) == 4
    assert all(low <= p <= 2 * low for p, low in zip(pauses, (0.05, 0.1, 0.2), strict=True))


def test_after_the_last_retry_the_error_is_raised():
    with scripted(grpc.StatusCode.UNAVAILABLE, failures=9) as (service, port):
        with pytest.raises(ServingError, match=r"No model server answers at .* \(not now\)"):
            ask(port, retries=1)
        assert len(service.requests) == 2


def test_retries_end_before_the_deadline():
    with scripted(grpc.StatusCode.UNAVAILABLE, failures=10**6) as (service, port):
        with pytest.raises(ServingError) as raised:
            ask(port, retries=10**6, timeout=0.5)
        assert raised.value.code is grpc.StatusCode.UNAVAILABLE
        assert 2 <= len(service.requests) < 10


@pytest.mark.parametrize(
    "code",
    [code for code in grpc.StatusCode if code.name not in ("OK", "UNAVAILABLE")],
    ids=lambda code: code.name,
)
def test_no_other_error_is_tried_again(code):
    with scripted(code, failures=1) as (service, port):
        with pytest.raises(ServingError) as raised:
            ask(port)
        assert raised.value.code is code
        assert len(service.requests) == 1


def test_a_new_version_that_takes_other_inputs():
    with (
        scripted(grpc.StatusCode.OK) as (service, port),
        ServingClient(f"127.0.0.1:{port}", model="toy") as client,
    ):
        client.recommend(["u"])
        service.inputs, service.version = {"user_id", "k", "exclude_seen"}, 2
        assert client.recommend(["u"]).version == 2
        assert [set(r.inputs) for r in service.requests[1:]] == [{"user_id"}, service.inputs]
        # A version that answers but is not the one described: its inputs are looked up anew, so
        # that one with fewer inputs gets the right request at once.
        service.version = 3
        client.recommend(["u"])
        service.inputs = {"user_id", "k"}
        client.recommend(["u"])
        assert len(service.requests) == 5


def test_no_room_is_tried_again_where_the_server_says_when(monkeypatch):
    pauses = []
    monkeypatch.setattr("serving.client.client.time.sleep", pauses.append)
    full = grpc.StatusCode.RESOURCE_EXHAUSTED
    with scripted(full, failures=1, pushback="250") as (service, port):
        ask(port)
    assert len(service.requests) == 2
    assert pauses == [0.25]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("pem")
    files = {"key": folder / "key.pem", "certificate": folder / "certificate.pem"}
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(files["key"]), "-out", str(files["certificate"])),
        ],
        check=True,
        capture_output=True,
    )
    return files


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(pem, mutual: bool):
    pair = pem["key"].read_bytes(), pem["certificate"].read_bytes()
    credentials = grpc.ssl_server_credentials([pair], pair[1] if mutual else None, mutual)
    own = {"certificate": pem["certificate"], "key": pem["key"]} if mutual else {}
    with scripted(grpc.StatusCode.OK, credentials=credentials) as (service, port):
        ask(port, tls=Tls(ca=pem["certificate"], **own))
        assert len(service.requests) == 1
        # Without trust in the certificate, and without one of its own where it is asked for one.
        for tls in (Tls(), *([Tls(ca=pem["certificate"])] if mutual else [])):
            with pytest.raises(ServingError):
                ask(port, retries=0, tls=tls)
        assert len(service.requests) == 1


# In a process of its own, since gRPC reads for the whole process.
_LATE = """
import pathlib, sys, time
from concurrent import futures
import grpc
port, key, certificate = sys.argv[1:]
pair = pathlib.Path(key).read_bytes(), pathlib.Path(certificate).read_bytes()
server = grpc.server(futures.ThreadPoolExecutor(1))
server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair]))
time.sleep(1)
server.start()
server.wait_for_termination()
"""


def test_a_server_with_tls_that_comes_back_is_found(pem):
    """Calls that fail at once do not read a handshake; something else must."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    files = [str(pem["key"]), str(pem["certificate"])]
    with subprocess.Popen([sys.executable, "-c", _LATE, str(port), *files]) as server:
        try:
            with pytest.raises(ServingError) as raised:
                ask(port, retries=10**6, timeout=30, tls=Tls(ca=pem["certificate"]))
        finally:
            server.terminate()
    assert raised.value.code is grpc.StatusCode.UNIMPLEMENTED  # it has no service


def test_a_certificate_needs_its_key():
    with pytest.raises(ValueError, match="needs its key: got certificate=a and key=None"):
        Tls(certificate="a")
