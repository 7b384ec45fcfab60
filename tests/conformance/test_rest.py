"""The REST API, asked with `requests` and by hand-written bodies."""

from __future__ import annotations

import gzip
import json
import math

import pytest
import requests

from tests.conformance.rows import Row, check, each
from tests.conformance.target import Target

HALF = "half_plus_two"


def _predictions(target: Target, path: str, body: object) -> object:
    answer = target.post(path, body)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


@check("rest-row", "rest-200")
def test_row(target: Target):
    answer = target.post(f"{HALF}:predict", {"instances": [[1.0], [2.0], [5.0]]})
    assert answer.status_code == 200
    assert answer.json() == {"predictions": [[2.5], [3.0], [4.5]]}


@check("rest-row-objects")
def test_row_of_objects(target: Target):
    body = {"instances": [{"a": 1.0, "b": 2}, {"a": 3.0, "b": 4}]}
    assert _predictions(target, "many:predict", body) == [
        {"sum": 3.0, "product": 2.0},
        {"sum": 7.0, "product": 12.0},
    ]


@check("rest-column")
def test_column(target: Target):
    assert target.post(f"{HALF}:predict", {"inputs": [[1.0], [2.0]]}).json() == {
        "outputs": [[2.5], [3.0]]
    }


@check("rest-column-objects")
def test_column_of_objects(target: Target):
    answer = target.post("many:predict", {"inputs": {"a": [1.0, 3.0], "b": [2, 4]}})
    assert answer.json() == {"outputs": {"sum": [3.0, 7.0], "product": [2.0, 12.0]}}


@check("rest-signature-name")
def test_signature_name(target: Target):
    body = {"signature_name": "integers", "instances": [1, 2]}
    assert _predictions(target, "many:predict", body) == [2, 3]


@check("rest-version")
def test_version(target: Target):
    for version in (1, 2):
        path = f"versions/versions/{version}:predict"
        assert _predictions(target, path, {"instances": [[1.0]]}) == [[0.5 + version]]


@check("rest-label")
def test_label(target: Target):
    for label, version in (("stable", 1), ("canary", 2)):
        path = f"versions/labels/{label}:predict"
        assert _predictions(target, path, {"instances": [[1.0]]}) == [[0.5 + version]]


@check("rest-classify")
def test_classify(target: Target):
    body = {"signature_name": "classify_x_to_y", "examples": [{"x": 1.0}, {"x": [2.0]}]}
    assert target.post(f"{HALF}:classify", body).json() == {"results": [[["", 2.5]], [["", 3.0]]]}


@check("rest-regress")
def test_regress(target: Target):
    body = {"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}, {"x": 2.0}]}
    assert target.post(f"{HALF}:regress", body).json() == {"results": [2.5, 3.0]}


@check("rest-context")
def test_context(target: Target):
    body = {"signature_name": "regress_x_to_y", "context": {"x": 6.0}, "examples": [{"z": 1.0}]}
    assert target.post(f"{HALF}:regress", body).json() == {"results": [5.0]}


@check("rest-status")
def test_status(target: Target):
    assert target.get(f"/v1/models/{HALF}").json() == {
        "model_version_status": [
            {
                "version": "123",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }


@check("rest-status-version")
def test_status_of_a_version(target: Target):
    for path in ("versions/1", "labels/stable"):
        answer = target.get(f"/v1/models/versions/{path}").json()["model_version_status"]
        assert "1" in [status["version"] for status in answer]
    only = target.get("/v1/models/versions/versions/1").json()["model_version_status"]
    assert [status["version"] for status in only] == ["1"]


@check("rest-metadata")
def test_metadata(target: Target):
    answer = target.get(f"/v1/models/{HALF}/metadata").json()
    assert answer["model_spec"] == {"name": HALF, "signature_name": "", "version": "123"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in signature["inputs"]["x"]["tensor_shape"]["dim"]] == ["-1", "1"]
    assert signature["inputs"]["x"]["tensor_shape"]["unknown_rank"] is False


@check("rest-case-insensitive")
def test_case_of_paths(target: Target):
    answer = requests.post(
        f"http://{target.rest}/V1/Models/{HALF}:PREDICT", json={"instances": [[1.0]]}, timeout=60
    )
    assert answer.json() == {"predictions": [[2.5]]}


@check("rest-percent-decoded")
def test_percent_decoded_name(target: Target):
    assert _predictions(target, "with%20space:predict", {"instances": [[1.0]]}) == [[2.5]]


@check("rest-b64")
def test_b64(target: Target):
    # Bytes that are no text: the output without the suffix comes out as it is.
    body = {"signature_name": "strings", "instances": [{"b64": "YWJj/w=="}]}
    answer = target.post("many:predict", body)
    assert json.loads(answer.content.decode("latin-1"))["predictions"][0]["same_bytes"] == {
        "b64": "YWJj/w=="
    }


@check("rest-text-out")
def test_text(target: Target):
    body = {"signature_name": "strings", "instances": ["abc"]}
    assert _predictions(target, "many:predict", body)[0]["upper"] == "ABC"


@check("rest-not-a-number")
def test_not_a_number(target: Target):
    body = '{"signature_name": "floats", "instances": [NaN, Infinity, -Infinity, 1.0]}'
    answer = target.post("many:predict", body)
    nan, *others = json.loads(answer.text)["predictions"]
    assert math.isnan(nan) and others == [math.inf, -math.inf, 1.0]
    for word in ("NaN", "Infinity", "-Infinity"):
        assert word in answer.text


def _written(target: Target, values: str) -> list[str]:
    body = f'{{"signature_name": "floats", "instances": [{values}]}}'
    text = target.post("many:predict", body).text
    return text.partition("[")[2].partition("]")[0].replace(" ", "").replace("\n", "").split(",")


@check("rest-shortest-floats")
def test_shortest_floats(target: Target):
    assert _written(target, "0.2, 0.1, 3.1415927") == ["0.2", "0.1", "3.1415927"]


@check("rest-whole-floats")
def test_whole_floats(target: Target):
    assert _written(target, "1.0, -3.0, 100000.0") == ["1.0", "-3.0", "100000.0"]


@check("rest-int-for-float")
def test_integers_for_floats(target: Target):
    assert _predictions(target, f"{HALF}:predict", {"instances": [[1], [2]]}) == [[2.5], [3.0]]


@check("rest-gzip")
def test_gzip(target: Target):
    body = gzip.compress(json.dumps({"instances": [[1.0]]}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = target.post(f"{HALF}:predict", body, headers=headers)
    assert answer.json() == {"predictions": [[2.5]]}


@check("rest-pretty")
def test_pretty(target: Target):
    answer = target.post(f"{HALF}:predict", {"instances": [[1.0]]})
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    assert answer.text.startswith('{\n    "predictions": [')


@check("rest-cors")
def test_cors(target: Target):
    origin = {"Origin": "http://example.org"}
    headers = target.post(f"{HALF}:predict", {"instances": [[1.0]]}, headers=origin).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Methods"] == "POST, GET"
    assert headers["Access-Control-Allow-Headers"] == "Content-Type"


@check("rest-options")
def test_options(target: Target):
    url = f"http://{target.rest}/v1/models/{HALF}:predict"
    answer = requests.options(url, headers={"Origin": "https://example.org"}, timeout=60)
    assert answer.status_code == 200


@check("rest-outside")
@pytest.mark.parametrize("path", ["/", "/v2/models/half_plus_two", "/models/half_plus_two"])
def test_a_path_of_another_shape(target: Target, path: str):
    answer = target.get(path)
    assert answer.status_code == 404
    assert '"error"' not in answer.text


def _post(path: str, body: object):
    return lambda target: target.post(path, body)


def _many(signature: str, key: str, value: object):
    return _post("many:predict", {"signature_name": signature, key: value})


CASES = {
    "rest-no-name": lambda t: t.get("/v1/models"),
    "rest-wrong-verb": lambda t: t.get(f"/v1/models/{HALF}:predict"),
    "rest-unknown-model": _post("nobody:predict", {"instances": [[1.0]]}),
    "rest-unknown-version": _post(f"{HALF}/versions/9:predict", {"instances": [[1.0]]}),
    "rest-unknown-label": _post(f"{HALF}/labels/nightly:predict", {"instances": [[1.0]]}),
    "rest-status-unknown-model": lambda t: t.get("/v1/models/nobody"),
    "rest-missing-signature": _many("nothing", "instances", [1]),
    "rest-empty-body": _post(f"{HALF}:predict", ""),
    "rest-bad-json": _post(f"{HALF}:predict", '{"instances": [1.0, }'),
    "rest-no-key": _post(f"{HALF}:predict", {"rows": [[1.0]]}),
    "rest-both-keys": _post(f"{HALF}:predict", {"instances": [[1.0]], "inputs": [[1.0]]}),
    "rest-instances-no-list": _post(f"{HALF}:predict", {"instances": 1.0}),
    "rest-instances-empty": _post(f"{HALF}:predict", {"instances": []}),
    "rest-instances-plain": _post("many:predict", {"instances": [1.0, 2.0]}),
    "rest-inputs-plain": _post("many:predict", {"inputs": [1.0, 2.0]}),
    "rest-missing-column": _post("many:predict", {"inputs": {"a": [1.0]}}),
    "rest-missing-key": _post("many:predict", {"instances": [{"a": 1.0, "b": 1}, {"a": 1.0}]}),
    "rest-extra-key": _post("many:predict", {"instances": [{"a": 1.0, "b": 1, "c": 1}]}),
    "rest-string-for-float": _many("floats", "instances", ["one"]),
    "rest-float-for-int": _many("integers", "instances", [1.5]),
    "rest-int-for-bool": _many("booleans", "instances", [1]),
    "rest-ragged": _many("pairs", "instances", [[1.0, 2.0], [1.0, 2.0, 3.0]]),
    "rest-deeper": _many("pairs", "inputs", [[1.0, 2.0], [[1.0], 2.0]]),
    "rest-ragged-column": _many("pairs", "inputs", [[1.0, 2.0], [1.0]]),
    "rest-uneven-outputs": _many("uneven", "instances", [1.0, 2.0]),
    "rest-no-origin": lambda t: requests.options(
        f"http://{t.rest}/v1/models/{HALF}:predict", timeout=60
    ),
    "rest-long-value": _many("floats", "instances", "x" * 1000),
    "rest-classify-no-examples": _post(f"{HALF}:classify", {"signature_name": "classify_x_to_y"}),
    "rest-error-body": lambda t: t.get("/v1/models/nobody"),
    "rest-400-invalid": _post(f"{HALF}:predict", {}),
    "rest-400-precondition": lambda t: requests.options(
        f"http://{t.rest}/v1/models/{HALF}", timeout=60
    ),
    "rest-404": _post("nobody:predict", {"instances": [[1.0]]}),
    "rest-504": _many("slow", "inputs", 20.0),
}


@each(["REST errors", "REST status codes"], CASES)
def test_refusal(row: Row, case, target: Target):
    answer = case(target)
    message = answer.json()["error"]
    assert answer.status_code == row.code
    assert row.matches(message), f"{message!r} for {row.message!r}"
    if row.id == "rest-error-body":
        assert answer.text.startswith('{\n    "error": "') and answer.text.rstrip().endswith("}")
    if row.id == "rest-long-value":
        assert message.count("x") <= 256
