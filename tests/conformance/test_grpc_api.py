"""What the gRPC API answers, asked with the stubs as TF Serving's guide shows them."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
    session_service_pb2,
)

from tests.conformance import models
from tests.conformance.rows import check
from tests.conformance.target import (
    SECONDS,
    Target,
    example,
    examples,
    refusal,
    values,
)

HALF = "half_plus_two"
X = np.float32([[1.0], [2.0], [5.0]])


@check("predict")
def test_predict(target: Target):
    answer = target.predict(HALF, {"x": X})
    assert set(answer.outputs) == {"y"}
    assert [dim.size for dim in answer.outputs["y"].tensor_shape.dim] == [3, 1]
    assert values(answer.outputs["y"]) == [2.5, 3.0, 4.5]
    spec = answer.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (HALF, 123, "serving_default")
    many = target.predict("many", {"a": np.float32([2]), "b": np.int64([3])})
    assert {name: values(proto) for name, proto in many.outputs.items()} == {
        "sum": [5.0],
        "product": [6.0],
    }


@check("typed-fields")
def test_typed_fields(target: Target):
    fields = {
        "float32": "float_val",
        "float64": "double_val",
        **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
        "int64": "int64_val",
        "uint32": "uint32_val",
        "uint64": "uint64_val",
        "bool": "bool_val",
        "float16": "half_val",
        "string": "string_val",
    }
    answer = target.predict("many", {"x": np.float32([0, 1])}, "dtypes")
    assert set(answer.outputs) == set(fields)
    for name, field in fields.items():
        proto = answer.outputs[name]
        assert not proto.tensor_content
        expected = {"string": [b"0", b"1"], "float16": [0, 0x3C00]}.get(name, [0, 1])
        assert list(getattr(proto, field)) == expected, name
        assert tf.as_dtype(proto.dtype).name == name


@check("tensor-content")
def test_both_encodings_of_an_input(target: Target):
    content = tf.make_tensor_proto(X)
    assert content.tensor_content
    shape = content.tensor_shape
    typed = tensor_pb2.TensorProto(dtype=1, float_val=[1, 2, 5], tensor_shape=shape)
    for proto in (content, typed):
        assert values(target.predict(HALF, {"x": proto}).outputs["y"]) == [2.5, 3.0, 4.5]


@check("predict-version")
def test_version(target: Target):
    for version in (1, 2):
        answer = target.predict("versions", {"x": X[:1]}, version=version)
        assert answer.model_spec.version.value == version
        assert values(answer.outputs["y"]) == [0.5 + version]


@check("predict-label")
def test_label(target: Target):
    for label, version in (("stable", 1), ("canary", 2)):
        answer = target.predict("versions", {"x": X[:1]}, version_label=label)
        assert values(answer.outputs["y"]) == [0.5 + version]
        assert answer.model_spec.version.value == version


@check("predict-latest")
def test_latest(target: Target):
    assert target.predict("versions", {"x": X}).model_spec.version.value == 2


@check("predict-output-filter")
def test_output_filter(target: Target):
    inputs = {"a": np.float32([2]), "b": np.int64([3])}
    answer = target.predict("many", inputs, output_filter=("product",))
    assert set(answer.outputs) == {"product"}


@check("predict-defaults")
def test_an_input_with_a_default(target: Target):
    x = np.float32([1, 2])
    answer = target.predict("many", {"x": x}, "defaults")
    assert values(answer.outputs["scaled"]) == [10, 20]
    answer = target.predict("many", {"x": x, "scale": np.float32(3)}, "defaults")
    assert values(answer.outputs["scaled"]) == [3, 6]


@check("predict-any-signature")
def test_predict_of_a_regression_signature(target: Target):
    serialized = [example(x=4.0).SerializeToString()]
    answer = target.predict(HALF, {"inputs": np.array(serialized, object)}, "regress_x_to_y")
    assert values(answer.outputs["outputs"]) == [4.0]


@check("shape-not-checked")
def test_a_shape_other_than_the_signatures(target: Target):
    answer = target.predict(HALF, {"x": np.float32([1, 2])})
    assert [dim.size for dim in answer.outputs["y"].tensor_shape.dim] == [2]
    assert values(answer.outputs["y"]) == [2.5, 3.0]


@check("large-messages")
def test_large_messages(target: Target):
    x = np.ones([1_500_000, 1], np.float32)
    assert len(target.predict(HALF, {"x": x}).outputs["y"].float_val) == len(x)


def _classification(target: Target, signature: str):
    request = classification_pb2.ClassificationRequest(input=examples(1.0, 2.0))
    request.model_spec.name, request.model_spec.signature_name = HALF, signature
    return target.prediction.Classify(request, SECONDS)


@check("classify")
def test_classify(target: Target):
    answer = _classification(target, "classify_x_to_y")
    classes = [[(c.label, c.score) for c in row.classes] for row in answer.result.classifications]
    assert classes == [[("", 2.5)], [("", 3.0)]]
    assert answer.model_spec.version.value == 123
    assert answer.model_spec.signature_name == "classify_x_to_y"


@check("classify-labels")
def test_classify_with_labels(target: Target):
    answer = _classification(target, "classify_named")
    firsts = [row.classes[0] for row in answer.result.classifications]
    assert [(float(first.label), first.score) for first in firsts] == [(2.5, 2.5), (3.0, 3.0)]


@check("regress")
@pytest.mark.parametrize("signature", ["regress_x_to_y", "regress_flat"])
def test_regress(target: Target, signature: str):
    request = regression_pb2.RegressionRequest(input=examples(1.0, 2.0))
    request.model_spec.name, request.model_spec.signature_name = HALF, signature
    answer = target.prediction.Regress(request, SECONDS)
    assert [regression.value for regression in answer.result.regressions] == [2.5, 3.0]
    assert answer.model_spec.signature_name == signature


@check("example-list-with-context")
def test_context(target: Target):
    given = input_pb2.Input(
        example_list_with_context=input_pb2.ExampleListWithContext(
            examples=[tf.train.Example(), example(z=9.0)], context=example(x=6.0)
        )
    )
    request = regression_pb2.RegressionRequest(input=given)
    request.model_spec.name, request.model_spec.signature_name = HALF, "regress_x_to_y"
    answer = target.prediction.Regress(request, SECONDS)
    assert [regression.value for regression in answer.result.regressions] == [5.0, 5.0]


@check("multi-inference")
def test_multi_inference(target: Target):
    request = inference_pb2.MultiInferenceRequest(input=examples(1.0))
    for method, signature in (("regress", "regress_x_to_y"), ("classify", "classify_x_to_y")):
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = HALF, signature
    regressed, classified = target.prediction.MultiInference(request, SECONDS).results
    assert regressed.regression_result.regressions[0].value == 2.5
    assert classified.classification_result.classifications[0].classes[0].score == 2.5
    assert regressed.model_spec.version.value == classified.model_spec.version.value == 123
    assert classified.model_spec.signature_name == "classify_x_to_y"


@check("metadata")
def test_metadata(target: Target):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = HALF
    answer = target.prediction.GetModelMetadata(request, SECONDS)
    spec = answer.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (HALF, 123, "")
    packed = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(packed)
    signature = packed.signature_def["serving_default"]
    assert signature.inputs["x"].dtype == tf.float32.as_datatype_enum
    assert signature.method_name == "tensorflow/serving/predict"
    assert packed.signature_def["regress_flat"].method_name == "tensorflow/serving/regress"


@check("status")
def test_status(target: Target):
    assert target.states("versions") == {1: "AVAILABLE", 2: "AVAILABLE"}
    answer = target.status(HALF).model_version_status
    assert (answer[0].version, answer[0].state, answer[0].status.error_code) == (123, 30, 0)


@check("status-version")
def test_status_of_a_version(target: Target):
    assert target.states("versions", 1) == {1: "AVAILABLE"}


@check("status-label")
def test_status_of_a_label(target: Target):
    answer = target.status("versions", label="stable").model_version_status
    assert sorted(status.version for status in answer) == [1, 2]


@check("reload")
def test_reload(target: Target, reload):
    config = models.model("again", target.server_folder, specific=[3])
    config.base_path = f"{target.server_folder}/versions"
    reload(config, keep=False)
    assert values(target.predict("again", {"x": X[:1]}).outputs["y"]) == [3.5]
    assert refusal(lambda: target.predict("many", {}))[0] == "NOT_FOUND"


@check("health-services")
def test_health(target: Target):
    health = health_pb2_grpc.HealthStub(target.channel)
    for service in ("ModelService", "PredictionService"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), SECONDS)
        assert answer.status == answer.SERVING
    unknown = health_pb2.HealthCheckRequest(service="Nothing")
    assert refusal(lambda: health.Check(unknown, SECONDS))[0] == "NOT_FOUND"


@check("health-watch")
def test_health_watch(target: Target):
    health = health_pb2_grpc.HealthStub(target.channel)
    stream = health.Watch(health_pb2.HealthCheckRequest(service="PredictionService"), SECONDS)
    assert next(stream).status == health_pb2.HealthCheckResponse.SERVING
    stream.cancel()


@check("session-service")
def test_no_session_service(target: Target):
    run = target.channel.unary_unary(
        "/tensorflow.serving.SessionService/SessionRun",
        session_service_pb2.SessionRunRequest.SerializeToString,
        session_service_pb2.SessionRunResponse.FromString,
    )
    request = session_service_pb2.SessionRunRequest()
    assert refusal(lambda: run(request, timeout=SECONDS))[0] == "UNIMPLEMENTED"


@check("unix-socket")
def test_unix_socket(target: Target):
    with Target(f"unix:{target.folder}/socket").channel as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="PredictionService"), SECONDS
        )
    assert answer.status == answer.SERVING


@check("reflection")
def test_reflection(target: Target):
    services = ProtoReflectionDescriptorDatabase(target.channel).get_services()
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} <= set(
        services
    )


@check("predict")
def test_a_channel_of_the_guide(target: Target):
    """As the guide's client has it: a plain channel, the stub, float_val."""
    with grpc.insecure_channel(target.address) as channel:
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = HALF
        request.model_spec.signature_name = "serving_default"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0], shape=[1, 1]))
        result = stub.Predict.future(request, 10.0).result()
    assert np.array(result.outputs["y"].float_val).tolist() == [2.5]
