"""Every refusal of the gRPC API: its code and its words."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    input_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.conformance.rows import Row, each
from tests.conformance.target import SECONDS, Target, examples, predict_request, refusal

X = np.float32([[1.0]])
HALF = "half_plus_two"


def _classify(signature: str, given: input_pb2.Input | None = None):
    request = classification_pb2.ClassificationRequest(input=given or examples(1.0))
    request.model_spec.name, request.model_spec.signature_name = HALF, signature
    return lambda target: target.prediction.Classify(request, SECONDS)


def _regress(signature: str, given: input_pb2.Input | None = None):
    request = regression_pb2.RegressionRequest(input=given or examples(1.0))
    request.model_spec.name, request.model_spec.signature_name = HALF, signature
    return lambda target: target.prediction.Regress(request, SECONDS)


def _multi(*tasks: tuple[str, str]):
    request = inference_pb2.MultiInferenceRequest(input=examples(1.0))
    for model, signature in tasks:
        task = request.tasks.add(method_name="tensorflow/serving/regress")
        task.model_spec.name, task.model_spec.signature_name = model, signature
        if signature == "serving_default":
            task.method_name = "tensorflow/serving/predict"
    return lambda target: target.prediction.MultiInference(request, SECONDS)


def _metadata(model: str, *fields: str):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = model
    return lambda target: target.prediction.GetModelMetadata(request, SECONDS)


def _predict(model: str, inputs: dict, signature: str = "", **more):
    request = predict_request(model, inputs, signature, **more)
    return lambda target: target.prediction.Predict(request, SECONDS)


def _bad_tensor():
    proto = tf.make_tensor_proto(X)
    proto.tensor_content = b"abc"
    return proto


def _no_name(target: Target):
    request = predict_request("", {"x": X})
    request.model_spec.version.value = 1
    return target.prediction.Predict(request, SECONDS)


EMPTY = input_pb2.Input(example_list=input_pb2.ExampleList())
CASES = {
    "no-model-spec": lambda t: t.prediction.Predict(predict_pb2.PredictRequest(), SECONDS),
    "empty-model-name": _no_name,
    "unknown-model": _predict("nobody", {"x": X}),
    "unknown-version": _predict(HALF, {"x": X}, version=9),
    "unknown-label": _predict(HALF, {"x": X}, version_label="nightly"),
    "predict-missing-signature": _predict(HALF, {"x": X}, "nothing"),
    "too-many-inputs": _predict(HALF, {"x": X, "extra": X}),
    "too-few-inputs": _predict("many", {"a": np.float32([1])}),
    "other-input": _predict(HALF, {"z": X}),
    "extra-input-beside-default": _predict("many", {"x": X[0], "z": X[0]}, "defaults"),
    "bad-tensor": _predict(HALF, {"x": _bad_tensor()}),
    "output-filter-unknown": _predict(HALF, {"x": X}, output_filter=("z",)),
    "output-filter-twice": _predict(HALF, {"x": X}, output_filter=("y", "y")),
    "wrong-dtype": _predict(HALF, {"x": np.int64([[1]])}),
    "wrong-shape-op": _predict("many", {"pair": np.ones([2, 3], np.float32)}, "pairs"),
    "deadline": lambda t: t.predict("many", {"seconds": np.float64(20)}, "slow", timeout=0.3),
    "status-unknown-model": lambda t: t.status("nobody"),
    "status-unknown-version": lambda t: t.status(HALF, 9),
    "metadata-no-field": _metadata(HALF),
    "metadata-other-field": _metadata(HALF, "weather"),
    "metadata-unknown-model": _metadata("nobody", "signature_def"),
    "classify-missing-signature": _classify("nothing"),
    "regress-missing-signature": _regress("nothing"),
    "multi-missing-signature": _multi((HALF, "nothing")),
    "classify-empty-input": _classify("classify_x_to_y", EMPTY),
    "regress-empty-input": _regress("regress_x_to_y", EMPTY),
    "multi-empty-name": _multi((HALF, "regress_x_to_y"), ("", "regress_flat")),
    "multi-two-models": _multi((HALF, "regress_x_to_y"), ("versions", "regress_flat")),
    "multi-twice": _multi((HALF, "regress_x_to_y"), (HALF, "regress_x_to_y")),
    "multi-other-method": _multi((HALF, "serving_default")),
    "classify-two-inputs": _classify("classify_two_inputs"),
    "classify-three-outputs": _classify("classify_three_outputs"),
    "classify-other-alias": _classify("classify_other_alias"),
    "classify-flat-scores": _classify("classify_flat"),
    "classify-float-classes": _classify("classify_float_classes"),
    "classify-int-scores": _classify("classify_int_scores"),
    "regress-int-outputs": _regress("regress_int"),
    "reload-no-list": lambda t: t.models.HandleReloadConfigRequest(
        model_management_pb2.ReloadConfigRequest(config={"custom_model_config": {}}), SECONDS
    ),
}


@each("gRPC errors", CASES)
def test_refusal(row: Row, case, target: Target):
    code, message = refusal(lambda: case(target))
    assert (code, message) == (row.code, message if row.matches(message) else row.message)
