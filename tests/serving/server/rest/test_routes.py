"""Paths: which are the API's, and what they ask for."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_pb2

from serving.server.errors import StatusError
from serving.server.rest.routes import is_api, read_route


@pytest.mark.parametrize(
    ("verb", "path", "action", "spec"),
    [
        ("POST", "/v1/models/m:predict", "predict", "name: 'm'"),
        ("POST", "/v1/models/m/versions/3:classify", "classify", "name: 'm' version { value: 3 }"),
        ("POST", "/v1/models/m/labels/new:regress", "regress", "name: 'm' version_label: 'new'"),
        ("POST", "/V1/MODELS/m:Predict", "predict", "name: 'm'"),
        ("POST", "/v1/models/a%20b%2Fc/labels/%C3%A9:predict", "predict", None),
        ("GET", "/v1/models/m", "status", "name: 'm'"),
        ("GET", "/v1/models/m/versions/00123", "status", "name: 'm' version { value: 123 }"),
        ("GET", "/v1/models/m/labels/new", "status", "name: 'm' version_label: 'new'"),
        ("GET", "/v1/models/m/metadata", "metadata", "name: 'm'"),
        (
            "GET",
            "/v1/models/m/versions/9223372036854775807/Metadata",
            "metadata",
            "name: 'm' version { value: 9223372036854775807 }",
        ),
        ("GET", "/v1/models/m?x=1", "status", "name: 'm?x=1'"),
    ],
)
def test_routes(verb, path, action, spec):
    route = read_route(verb, path)
    assert route.action == action
    if spec is None:
        expected = model_pb2.ModelSpec(name="a b/c", version_label="é")
    else:
        expected = text_format.Parse(spec, model_pb2.ModelSpec())
    assert route.spec == expected


@pytest.mark.parametrize(
    ("verb", "path", "message"),
    [
        ("GET", "/v1/models/m:predict", "Malformed request: GET /v1/models/m:predict"),
        ("POST", "/v1/models/m", "Malformed request: POST /v1/models/m"),
        ("POST", "/v1/models/m:multi_inference", None),
        ("POST", "/v1/models/m:predict?x=1", None),
        ("POST", "/v1/models/m/versions/x:predict", None),
        ("POST", "/v1/models/m/versions/1/labels/l:predict", None),
        ("PUT", "/v1/models/m", None),
        ("GET", "/v1/models/m/", None),
        ("GET", "/v1/", None),
        ("GET", "/v1/models", "Missing model name in request."),
        ("GET", "/v1/models/versions/3", "Missing model name in request."),
        (
            "GET",
            "/v1/models/m/versions/9223372036854775808",
            "Failed to convert version: 9223372036854775808 to numeric.",
        ),
    ],
)
def test_paths_that_ask_for_nothing(verb, path, message):
    with pytest.raises(StatusError) as error:
        read_route(verb, path)
    assert error.value.code.name == "INVALID_ARGUMENT"
    assert error.value.message == (message or f"Malformed request: {verb} {path}")


def test_paths_outside_the_api():
    assert is_api("/v1/") and is_api("/V1/anything")
    assert not any(map(is_api, ["/", "/v1", "/v2/models", "/x/v1/models", ""]))
