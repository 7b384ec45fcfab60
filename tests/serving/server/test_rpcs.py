"""Predict, GetModelMetadata and GetModelStatus of a server process, codes and texts included."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
X = {"x": np.float32([[1], [2]])}


def predict_request(spec: str, inputs: dict, outputs: tuple = ()) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(
        inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
        output_filter=outputs,
    )
    if spec:
        text_format.Parse(spec, request.model_spec)
        request.model_spec.SetInParent()
    return request


@pytest.fixture(scope="module")
def prediction(toy_server):
    return prediction_service_pb2_grpc.PredictionServiceStub(toy_server.channel)


@pytest.fixture(scope="module")
def model_service(toy_server):
    return model_service_pb2_grpc.ModelServiceStub(toy_server.channel)


def test_predict_answers_in_typed_fields_with_the_effective_model_spec(prediction):
    response = prediction.Predict(predict_request("name: 'toy'", X), timeout=60)
    assert response == text_format.Parse(
        """
        model_spec { name: "toy" version { value: 3 } signature_name: "serving_default" }
        outputs { key: "half" value {
            dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 1 } }
            float_val: 2.5 float_val: 3 } }
        outputs { key: "double" value {
            dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 1 } }
            float_val: 4 float_val: 6 } }
        """,
        predict_pb2.PredictResponse(),
    )


@pytest.mark.parametrize(
    ("spec", "outputs"),
    [
        ("name: 'toy' version { value: 3 }", ("double",)),
        ("name: 'toy' signature_name: 'serving_default'", ("half", "double")),
    ],
)
def test_output_filter_and_version(prediction, spec, outputs):
    response = prediction.Predict(predict_request(spec, X, outputs), timeout=60)
    assert set(response.outputs) == set(outputs)
    assert list(response.outputs["double"].float_val) == [4, 6]


def test_strings_tables_scalars_and_defaults(prediction):
    def lookup(**inputs):
        request = predict_request("name: 'toy' signature_name: 'lookup'", inputs)
        response = prediction.Predict(request, timeout=60)
        return list(response.outputs["id"].int64_val), list(response.outputs["shout"].string_val)

    words = ["two", "nothing"]
    assert lookup(word=words) == ([102, 99], [b"two!", b"nothing!"])
    assert lookup(word=words, offset=np.int64(0)) == ([2, -1], [b"two!", b"nothing!"])
    assert lookup(word=words, offset=np.int64(7), suffix="?")[1] == [b"two?", b"nothing?"]


def test_other_shapes_than_the_signatures_are_left_to_the_ops(prediction):
    response = prediction.Predict(predict_request("name: 'toy'", {"x": np.float32([1])}))
    assert list(response.outputs["half"].float_val) == [2.5]


def test_answers_over_4_mib(prediction):
    count = 1_200_000
    request = predict_request("name: 'toy' signature_name: 'numbers'", {"count": np.int32(count)})
    response = prediction.Predict(request, timeout=60)
    assert response.ByteSize() > 4 << 20
    assert list(response.outputs["i"].int_val[-2:]) == [count - 2, count - 1]
    np.testing.assert_array_equal(response.outputs["f"].float_val[:3], [0, 1, 2])
    assert list(response.outputs["n"].int_val) == [count + 1]


def test_requests_over_4_mib(prediction):
    x = np.ones([1_200_000, 1], np.float32)
    response = prediction.Predict(predict_request("name: 'toy'", {"x": x}, ("half",)), timeout=60)
    assert len(response.outputs["half"].float_val) == len(x)


def unreadable() -> predict_pb2.PredictRequest:
    request = predict_request("name: 'toy'", X)
    request.inputs["x"].tensor_content = b"123"
    return request


TOY, LOOKUP, PRODUCT = (
    "name: 'toy'",
    *(f"name: 'toy' signature_name: '{name}'" for name in ("lookup", "product")),
)
AB = {"a": np.ones([1, 2], np.float32), "b": np.ones([2, 1], np.float32)}


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (predict_request("", X), INVALID_ARGUMENT, "Missing ModelSpec"),
        (predict_request("name: ''", X), INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (
            predict_request("name: 'nobody'", X),
            NOT_FOUND,
            "Servable not found for request: Latest(nobody)",
        ),
        (
            predict_request("name: 'toy' version { value: 2 }", X),
            NOT_FOUND,
            "Servable not found for request: Specific(toy, 2)",
        ),
        (
            predict_request("name: 'toy' version {}", X),
            NOT_FOUND,
            "Servable not found for request: Specific(toy, 0)",
        ),
        (
            predict_request("name: 'toy' version_label: 'stable'", X),
            INVALID_ARGUMENT,
            "Unrecognized servable version label: stable",
        ),
        (
            predict_request("name: 'toy' signature_name: 'none'", X),
            grpc.StatusCode.FAILED_PRECONDITION,
            'Serving signature key "none" not found.',
        ),
        (
            predict_request(PRODUCT, AB | {"z": 1.0, "d": 1.0}),
            INVALID_ARGUMENT,
            "input size does not match signature: 4!=2 len({a,b,d,z}) != len({a,b}). "
            "Sent extra: {d,z}. Missing but required: {}.",
        ),
        (
            predict_request(PRODUCT, {"z": 1.0}),
            INVALID_ARGUMENT,
            "input size does not match signature: 1!=2 len({z}) != len({a,b}). "
            "Sent extra: {z}. Missing but required: {a,b}.",
        ),
        (
            predict_request(PRODUCT, {"a": AB["a"], "z": 1.0}),
            INVALID_ARGUMENT,
            "Signature input alias: b(feed name: product_b:0) not found in request and no default "
            "value provided. Inputs expected to be in the request {a,z}, or default input alias "
            "set: ",
        ),
        (
            predict_request(LOOKUP, {"suffix": "?"}),
            INVALID_ARGUMENT,
            "Signature input alias: word(feed name: lookup_word:0) not found in request and no "
            "default value provided. Inputs expected to be in the request {suffix}, or default "
            "input alias set: offset,suffix",
        ),
        (
            predict_request(LOOKUP, {"word": ["one"], "sufix": "?"}),
            INVALID_ARGUMENT,
            "Inputs contains invalid name. Used request inputs: word, request input: sufix,word",
        ),
        (unreadable(), INVALID_ARGUMENT, "tensor parsing error: x"),
        (
            predict_request(TOY, X, ("half", "triple")),
            INVALID_ARGUMENT,
            "output tensor alias not found in signature: triple Outputs expected to be in the set "
            "{double,half}.",
        ),
        (
            predict_request(TOY, X, ("half", "half")),
            INVALID_ARGUMENT,
            "duplicate output tensor alias: half",
        ),
        (
            predict_request(TOY, {"x": np.int64([[1]])}),
            INVALID_ARGUMENT,
            "Expects arg[0] to be float but int64 is provided",
        ),
        (
            predict_request(PRODUCT, {"a": AB["a"], "b": ["text"]}),
            INVALID_ARGUMENT,
            "Expects arg[1] to be float but string is provided",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_request(prediction, request_, code, text):
    with pytest.raises(grpc.RpcError) as raised:
        prediction.Predict(request_, timeout=60)
    assert (raised.value.code(), raised.value.details()) == (code, text)


def test_a_shape_that_does_not_fit_is_told_by_the_op(prediction):
    with pytest.raises(grpc.RpcError) as raised:
        prediction.Predict(predict_request(PRODUCT, {"a": AB["a"], "b": AB["a"]}), timeout=60)
    assert raised.value.code() is INVALID_ARGUMENT
    assert "Matrix size-incompatible: In[0]: [1,2], In[1]: [1,2]" in raised.value.details()


def test_a_request_past_its_deadline_is_not_run(prediction, tmp_path):
    """Two requests hold both threads; a third one waits in the queue until its time is over."""
    gate, marker = tmp_path / "gate", tmp_path / "marker"
    hold = predict_request("name: 'toy' signature_name: 'hold'", {"path": str(gate)})
    held = [prediction.Predict.future(hold, timeout=20) for _ in range(2)]
    mark = predict_request("name: 'toy' signature_name: 'mark'", {"path": str(marker)})
    with pytest.raises(grpc.RpcError) as raised:
        prediction.Predict(mark, timeout=0.5)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    gate.touch()
    assert all(future.result().outputs["turns"].int_val for future in held)
    # These come after the third in the queue, so it has had its turn.
    for _ in range(2):
        prediction.Predict(predict_request(TOY, X), timeout=60)
    assert not marker.exists()
    prediction.Predict(mark, timeout=60)
    assert marker.exists()


def metadata_request(spec: str, *fields: str) -> get_model_metadata_pb2.GetModelMetadataRequest:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if spec:
        text_format.Parse(spec, request.model_spec)
        request.model_spec.SetInParent()
    return request


def test_metadata_describes_the_signatures(prediction):
    response = prediction.GetModelMetadata(metadata_request(TOY, "signature_def"), timeout=60)
    assert (response.model_spec.name, response.model_spec.version.value) == ("toy", 3)
    assert not response.model_spec.signature_name
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    lookup = signatures.signature_def["lookup"]
    assert lookup.method_name == "tensorflow/serving/predict"
    assert set(lookup.inputs) == {"word", "offset", "suffix"}
    assert tf.make_ndarray(lookup.defaults["offset"]) == 100


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (metadata_request("", "signature_def"), INVALID_ARGUMENT, "Missing ModelSpec"),
        (
            metadata_request(TOY),
            INVALID_ARGUMENT,
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (metadata_request(TOY, "size"), INVALID_ARGUMENT, "Metadata field size is not supported"),
        (
            metadata_request("name: ''", "signature_def"),
            INVALID_ARGUMENT,
            "ModelSpec has no name specified.",
        ),
        (
            metadata_request("name: 'nobody'", "signature_def"),
            NOT_FOUND,
            "Servable not found for request: Latest(nobody)",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_metadata_request(prediction, request_, code, text):
    with pytest.raises(grpc.RpcError) as raised:
        prediction.GetModelMetadata(request_, timeout=60)
    assert (raised.value.code(), raised.value.details()) == (code, text)


def status_request(spec: str) -> get_model_status_pb2.GetModelStatusRequest:
    request = get_model_status_pb2.GetModelStatusRequest()
    if spec:
        text_format.Parse(spec, request.model_spec)
    return request


@pytest.mark.parametrize("spec", [TOY, "name: 'toy' version { value: 3 }"])
def test_status_of_a_served_model(model_service, spec):
    response = model_service.GetModelStatus(status_request(spec), timeout=60)
    (version,) = response.model_version_status
    assert (version.version, version.state) == (3, version.AVAILABLE)
    assert version.HasField("status")
    assert (version.status.error_code, version.status.error_message) == (0, "")


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ("", INVALID_ARGUMENT, "Missing ModelSpec"),
        ("name: 'nobody'", NOT_FOUND, "Could not find any versions of model nobody"),
        ("name: 'toy' version { value: 9 }", NOT_FOUND, "Could not find version 9 of model toy"),
    ],
)
def test_what_is_wrong_with_a_status_request(model_service, spec, code, text):
    with pytest.raises(grpc.RpcError) as raised:
        model_service.GetModelStatus(status_request(spec), timeout=60)
    assert (raised.value.code(), raised.value.details()) == (code, text)
