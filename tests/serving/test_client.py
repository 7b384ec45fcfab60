"""The client against a real model server, and against servers that fail on purpose."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client import (
    ServingClient,
    ServingError,
    Signature,
    TensorSpec,
    VersionStatus,
)

X = {"x": np.float32([[1], [2]])}


def test_predict(client):
    answer = client.predict(X)
    assert answer["half"].dtype == np.float32
    np.testing.assert_array_equal(answer["half"], [[2.5], [3]])
    np.testing.assert_array_equal(answer["double"], [[4], [6]])
    assert set(client.predict(X, outputs=["half"])) == {"half"}


def test_python_values_and_strings(client):
    np.testing.assert_array_equal(client.predict({"x": [[1.0]]})["half"], [[2.5]])
    words = {"word": np.array(["zero", "été"]), "offset": np.int64(1)}
    answer = client.predict(words, signature_name="lookup", version=3)
    np.testing.assert_array_equal(answer["id"], [1, 0])
    assert answer["shout"].tolist() == [b"zero!", "été!".encode()]


def test_large_messages(client):
    x = np.ones([1_500_000, 1], np.float32)
    assert client.predict({"x": x})["half"].sum() == 2.5 * len(x)


def test_metadata(client):
    signatures = client.metadata()
    assert set(signatures) == {
        *("serving_default", "lookup", "product", "numbers", "hold", "mark", "recommend")
    }
    assert signatures["product"] == Signature(
        {name: TensorSpec("float32", (None, None)) for name in "ab"},
        {"c": TensorSpec("float32", (None, None))},
    )
    lookup = client.metadata(version=3)["lookup"].inputs
    assert lookup["word"] == TensorSpec("string", (None,))
    assert (lookup["offset"].dtype, lookup["offset"].shape) == ("int64", ())
    assert lookup["offset"].default == 100
    assert lookup["suffix"].default == b"!"


def test_status(client):
    assert client.status() == client.status(version=3) == [VersionStatus(3, "AVAILABLE", "")]


def test_unix_socket(toy_server):
    with ServingClient(f"unix:{toy_server.base_path / 'socket'}", model="toy") as client:
        np.testing.assert_array_equal(client.predict(X)["half"], [[2.5], [3]])


def test_an_error_is_one_sentence_with_its_code(client, toy_server):
    with pytest.raises(ServingError) as raised:
        client.predict(X, version=9)
    assert raised.value.code is grpc.StatusCode.NOT_FOUND
    assert raised.value.details == "Servable not found for request: Specific(toy, 9)"
    assert str(raised.value) == (
        f"Predict of model toy at {toy_server.address} failed with NOT_FOUND: "
        "Servable not found for request: Specific(toy, 9)"
    )


def test_a_deadline(toy_server, tmp_path):
    gate = tmp_path / "gate"
    with toy_server.client(timeout=0.3) as client, pytest.raises(ServingError) as raised:
        client.predict({"path": str(gate)}, signature_name="hold")
    gate.touch()
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "took longer than 0.3 s" in str(raised.value)


def test_nobody_answers():
    with ServingClient("localhost:1", model="toy", retries=1) as client:
        with pytest.raises(ServingError, match="No model server answers at localhost:1 ") as raised:
            client.predict(X)
        with pytest.raises(ServingError, match=r"took longer than 0\.2 s"):
            client.wait_until_ready(0.2)
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE


def test_waiting_for_a_model_that_is_not_there(toy_server):
    with (
        ServingClient(toy_server.address, model="nobody") as client,
        pytest.raises(ServingError, match="model nobody"),
    ):
        client.wait_until_ready(0.3)


def test_recommend(client):
    answer = client.recommend(["u1", "u2"], k=2)
    assert answer.item_ids.tolist() == [["i1", "i2é"], ["i0", "i1"]]
    assert answer.scores.dtype == np.float32
    assert answer.scores.tolist() == [[2, 1], [3, 2]]
    assert (len(answer), answer.version) == (2, 3)
    assert answer.for_user(1) == [("i0", 3.0), ("i1", 2.0)]


def test_recommend_with_fewer_items_than_asked_for(client):
    answer = client.recommend(["u1"], k=4)
    assert answer.item_ids.tolist() == [["i1", "i2é", "", ""]]
    assert answer.scores.tolist() == [[2, 1, -np.inf, -np.inf]]
    assert answer.for_user(0) == [("i1", 2.0), ("i2é", 1.0)]


def test_recommend_among_candidates_seen_items_included(client):
    candidates = [["i0", "i2é"], ["i1"]]
    answer = client.recommend(["u1", "u2"], 2, exclude_seen=False, candidates=candidates)
    assert answer.item_ids.tolist() == [["i0", "i2é"], ["i1", ""]]


def test_recommend_takes_ids_as_people_have_them(client):
    expected = client.recommend(["7"], k=3).item_ids.tolist()
    for users in (np.array([7]), [7], "7", np.array(["7"]), [b"7"]):
        assert client.recommend(users, k=3).item_ids.tolist() == expected
    assert client.recommend([], k=3).item_ids.shape == (0, 3)


def test_recommend_leaves_out_a_history_the_model_does_not_take(client):
    assert client.recommend(["u1"], k=1, history=[["i1"]]).item_ids.tolist() == [["i1"]]


def test_recommend_refuses_what_would_change_the_answer(client):
    with pytest.raises(ValueError, match="`recommend` of model toy has no input hour; it takes "):
        client.recommend(["u1"], context={"hour": [3]})
    with pytest.raises(ValueError, match="`candidates` must be a list of 1 lists of item ids"):
        client.recommend(["u1"], candidates=["i1"])
    with pytest.raises(ValueError, match="`history` must be a list of 2 lists"):
        client.recommend(["u1", "u2"], history=[["i1"]])


class Scripted(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Fails as often as told, then answers; its `recommend` takes the inputs it is given."""

    def __init__(self, code: grpc.StatusCode, failures: int) -> None:
        self.code = code
        self.failures = failures
        self.inputs = {"user_id"}
        self.version = 1
        self.requests: list[predict_pb2.PredictRequest] = []

    def Predict(self, request, context):  # noqa: N802
        self.requests.append(request)
        if len(self.requests) <= self.failures:
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
) -> Iterator[tuple[Scripted, int]]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    service = Scripted(code, failures)
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
    monkeypatch.setattr("serving.connection.time.sleep", pauses.append)
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


def test_tls(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    pair = key.read_bytes(), certificate.read_bytes()
    credentials = grpc.ssl_server_credentials([pair])
    with scripted(grpc.StatusCode.OK, credentials=credentials) as (service, port):
        ask(port, credentials=grpc.ssl_channel_credentials(pair[1]))
        assert len(service.requests) == 1
        with pytest.raises(ServingError):
            ask(port, retries=0)
