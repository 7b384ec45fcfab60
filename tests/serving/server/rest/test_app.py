"""The REST API of a server process, asked over HTTP as TF Serving's users ask it."""

from __future__ import annotations

import gzip
import http.client
import json
import pathlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import requests

from tests.serving.server.rest.conftest import Rest

JSON = "application/json"


@pytest.fixture(scope="module")
def rest(start_rest: Callable[..., Rest], tmp_path_factory: pytest.TempPathFactory) -> Rest:
    monitoring = tmp_path_factory.mktemp("config") / "monitoring.txt"
    monitoring.write_text('prometheus_config { enable: true path: "/metrics" }')
    return start_rest(
        f"--monitoring_config_file={monitoring}",
        "--rest_api_num_threads=3",
        "--rest_api_timeout_in_ms=2000",
    )


def test_the_guides_requests(rest):
    answer = rest.post("/v1/models/toy:predict", {"instances": [1.0, 2.0, 5.0]})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == JSON
    assert answer.text == '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
    answer = rest.get("/v1/models/toy")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == JSON
    assert answer.json() == {
        "model_version_status": [
            {
                "version": "123",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    answer = rest.post(
        "/v1/models/toy:regress",
        {"signature_name": "regress", "examples": [{"x": 1.0}, {"x": 2.5}]},
    )
    assert answer.text == '{\n    "results": [2.0, 5.0]\n}'


@pytest.mark.parametrize(
    "path", ["/v1/models/toy", "/v1/models/toy/versions/123", "/V1/Models/toy/Versions/123"]
)
def test_versions_and_letters_of_any_case(rest, path):
    assert rest.post(f"{path}:predict", {"inputs": [3]}).json() == {"outputs": [3.5]}
    assert rest.get(path).json()["model_version_status"][0]["version"] == "123"
    metadata = rest.get(f"{path}/metadata").json()
    assert metadata["model_spec"] == {"name": "toy", "signature_name": "", "version": "123"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["x"]["dtype"] == "DT_FLOAT"


def test_classify(rest):
    body = {"signature_name": "classify", "examples": [{"x": 0.25}, {"x": 0.5}]}
    answer = rest.post("/v1/models/toy:classify", body)
    assert answer.json() == {"results": [[["yes", 0.5], ["no", 0.5]], [["yes", 1.0], ["no", 0.0]]]}
    body = {"signature_name": "classify", "context": {"x": 0.25}, "examples": [{}]}
    assert rest.post("/v1/models/toy:classify", body).json()["results"][0][0] == ["yes", 0.5]


def test_strings_bytes_and_several_inputs_in_both_formats(rest):
    rows = [{"image": {"b64": "/wA="}, "ids": [1, 2]}, {"image": "é", "ids": [3, 4]}]
    body = {"signature_name": "several", "instances": rows}
    answer = rest.post("/v1/models/toy:predict", body)
    assert json.loads(answer.content.decode("utf-8", "surrogateescape"))["predictions"] == [
        {"image": "\udcff\0", "image_bytes": {"b64": "/wA="}, "next": [2, 3]},
        {"image": "é", "image_bytes": {"b64": "w6k="}, "next": [4, 5]},
    ]
    inputs = {"image": ["a"], "ids": [[2**53]]}
    answer = rest.post("/v1/models/toy:predict", {"signature_name": "several", "inputs": inputs})
    assert answer.json()["outputs"] == {
        "image": ["a"],
        "image_bytes": [{"b64": "YQ=="}],
        "next": [[2**53 + 1]],
    }


def test_nan_and_infinity_go_both_ways(rest):
    answer = rest.post("/v1/models/toy:predict", b'{"inputs": [NaN, Infinity, -Infinity]}')
    assert b"NaN" in answer.content
    np.testing.assert_array_equal(answer.json()["outputs"], [np.nan, np.inf, -np.inf])


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "message"),
    [
        (
            "POST",
            "/v1/models/nobody:predict",
            '{"instances": [1]}',
            404,
            "Servable not found for request: Latest(nobody)",
        ),
        (
            "POST",
            "/v1/models/toy/versions/9:predict",
            '{"instances": [1]}',
            404,
            "Servable not found for request: Specific(toy, 9)",
        ),
        (
            "POST",
            "/v1/models/toy/labels/new:predict",
            '{"instances": [1]}',
            400,
            "Unrecognized servable version label: new",
        ),
        (
            "POST",
            "/v1/models/toy:predict",
            '{"signature_name": "none", "instances": [1]}',
            400,
            'Serving signature name: "none" not found in signature def',
        ),
        (
            "POST",
            "/v1/models/toy:classify",
            '{"signature_name": "none", "examples": [{}]}',
            400,
            "No signature was found with the name: none",
        ),
        ("POST", "/v1/models/toy:predict", "", 400, "JSON Parse error: The document is empty"),
        (
            "POST",
            "/v1/models/toy:predict",
            '{"instances": [1',
            400,
            "JSON Parse error: Missing a comma or ] after an array element. at offset: 16",
        ),
        (
            "POST",
            "/v1/models/toy:predict",
            '{"inputs": "a"}',
            400,
            'JSON Value: "a" Type: String is not of expected type: float',
        ),
        ("GET", "/v1/models", "", 400, "Missing model name in request."),
        ("GET", "/v1/models/nobody", "", 404, "Could not find any versions of model nobody"),
        ("GET", "/v1/models/toy/versions/9", "", 404, "Could not find version 9 of model toy"),
        ("PUT", "/v1/models/toy", "", 400, "Malformed request: PUT /v1/models/toy"),
        (
            "GET",
            "/v1/models/toy:predict",
            "",
            400,
            "Malformed request: GET /v1/models/toy:predict",
        ),
    ],
)
def test_errors(rest, verb, path, body, status, message):
    answer = rest.session.request(verb, rest.url + path, data=body, timeout=60)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == JSON
    assert answer.text == '{\n    "error": ' + json.dumps(message) + "\n}"


def test_paths_outside_the_api_get_a_plain_404(rest):
    for path in ["/", "/index.html", "/v2/models/toy", "/v1"]:
        answer = rest.get(path)
        assert answer.status_code == 404
        assert "Not Found" in answer.text
        assert JSON not in answer.headers["Content-Type"]


def test_preflight(rest):
    url = f"{rest.url}/v1/models/toy:predict"
    answer = rest.session.options(url, headers={"Origin": "https://example.com"}, timeout=60)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    answer = rest.session.options(url, timeout=60)
    assert answer.status_code == 400
    assert "Origin header is missing in CORS preflight" in answer.text


def test_compressed_bodies(rest):
    body = gzip.compress(b'{"instances": [2]}')
    headers = {"Content-Encoding": "gzip"}
    answer = rest.post("/v1/models/toy:predict", body, headers=headers)
    assert answer.json() == {"predictions": [3.0]}
    for damaged in (body[:-9], b"not compressed", gzip.compress(b" " * (101 << 20))):
        answer = rest.post("/v1/models/toy:predict", damaged, headers=headers)
        assert answer.status_code == 400
        assert answer.json() == {"error": "JSON Parse error: The document is empty"}


def test_a_connection_serves_many_requests(rest):
    connection = http.client.HTTPConnection("localhost", rest.port, timeout=60)
    connection.connect()
    sock = connection.sock
    for number in range(5):
        connection.request("POST", "/v1/models/toy:predict", json.dumps({"inputs": [number]}))
        assert json.loads(connection.getresponse().read()) == {"outputs": [number / 2 + 2]}
        assert connection.sock is sock
    connection.close()


def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(rest):
    with socket.create_connection(("localhost", rest.port), 60) as connection:
        connection.sendall(
            b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b'{"inputs": [4]}')
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_body_in_chunks_and_a_large_one(rest):
    answer = rest.session.post(
        f"{rest.url}/v1/models/toy:predict", data=iter([b'{"inputs":', b" [4]}"]), timeout=60
    )
    assert answer.json() == {"outputs": [4.0]}
    values = list(range(400_000))
    answer = rest.post("/v1/models/toy:predict", {"instances": values})
    assert answer.json()["predictions"][-1] == values[-1] / 2 + 2


def test_text_that_is_no_http_is_refused_and_the_next_request_answered(rest):
    with socket.create_connection(("localhost", rest.port), 60) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.0 400")
    assert rest.get("/v1/models/toy").status_code == 200
    assert "Traceback" not in rest.server.log()


def test_metrics(rest):
    names = {"model_name": "toy", "status": "OK"}
    latency = {"model_name": "toy", "API": "predict", "entrypoint": "REST"}
    count = rest.metric("request_count", **names)
    latencies = rest.metric("request_latency_count", **latency)
    assert rest.post("/v1/models/toy:predict", {"instances": [1.0]}).status_code == 200
    assert rest.post("/v1/models/toy:predict", b"{").status_code == 400
    assert rest.get("/v1/models/nobody").status_code == 404
    assert rest.metric("request_count", **names) == count + 1
    assert rest.metric("request_count", model_name="toy", status="INVALID_ARGUMENT") >= 1
    assert rest.metric("request_count", model_name="nobody", status="NOT_FOUND") >= 1
    assert rest.metric("request_latency_count", **latency) == latencies + 1
    answer = rest.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    answer = rest.get("/metrics?x=1")
    assert answer.status_code == 400
    assert answer.text == "Unexpected path: /metrics?x=1. Should be /metrics"


@pytest.fixture
def held(rest: Rest, tmp_path: pathlib.Path) -> Iterator[Callable[[], requests.Response]]:
    """A request that runs until the test ends."""
    path = tmp_path / "go"
    body = {"signature_name": "hold", "inputs": [str(path)]}
    yield lambda: rest.post("/v1/models/toy:predict", body)
    path.touch()


def test_a_request_that_takes_too_long_is_ended(held):
    answer = held()
    assert answer.status_code == 504, answer.text


def test_cors_and_metrics_at_their_default_path_and_a_graceful_stop(
    start_rest, tmp_path, eventually
):
    monitoring = tmp_path / "monitoring.txt"
    monitoring.write_text("prometheus_config { enable: true }")
    rest = start_rest("--rest_api_enable_cors_support", f"--monitoring_config_file={monitoring}")
    url = f"{rest.url}/v1/models/toy"
    cors = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST, GET",
        "Access-Control-Allow-Headers": "Content-Type",
    }
    for answer in (
        requests.options(url, headers={"Origin": "http://x"}, timeout=60),
        requests.get(url, timeout=60),
        requests.get(f"{url}/versions/5", timeout=60),
    ):
        assert cors.items() <= answer.headers.items()
    page = rest.get("/monitoring/prometheus/metrics")
    assert ":tensorflow:serving:request_count" in page.text

    body = {"signature_name": "hold", "inputs": [str(tmp_path / "go")]}
    answers = []
    running = threading.Thread(
        target=lambda: answers.append(
            Rest(rest.server, rest.port).post("/v1/models/toy:predict", body)
        )
    )
    running.start()
    time.sleep(1)
    rest.server.process.send_signal(signal.SIGTERM)

    def refused():
        try:
            requests.get(url, timeout=60)
        except requests.ConnectionError:
            return True
        return False

    eventually(refused)
    (tmp_path / "go").touch()
    running.join(60)
    assert [answer.status_code for answer in answers] == [200]
    assert rest.server.process.wait(60) == 0
