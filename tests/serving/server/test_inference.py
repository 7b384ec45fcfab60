"""Classify, Regress and MultiInference, codes and texts included."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    regression_pb2,
)

from serving.server.errors import StatusError

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def example(**features: float) -> tf.train.Example:
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                name: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
                for name, value in features.items()
            }
        )
    )


def examples(*values: float) -> input_pb2.Input:
    listed = input_pb2.ExampleList(examples=[example(x=value) for value in values])
    return input_pb2.Input(example_list=listed)


@pytest.fixture(scope="module")
def handlers(start, estimates):
    return start(model_name="e", model_base_path=str(estimates))


def call(handlers, kind, signature, inputs):
    request = {
        CLASSIFY: classification_pb2.ClassificationRequest,
        REGRESS: regression_pb2.RegressionRequest,
    }[kind](input=inputs)
    request.model_spec.name = "e"
    request.model_spec.signature_name = signature
    return (handlers.classify if kind == CLASSIFY else handlers.regress)(request)


def test_regress(handlers):
    for signature, expected in (("", [0.5, 2.0]), ("column", [1.0, 4.0])):
        response = call(handlers, REGRESS, signature, examples(1, 4))
        assert [regression.value for regression in response.result.regressions] == expected
        spec = response.model_spec
        assert (spec.name, spec.version.value) == ("e", 7)
        assert spec.signature_name == (signature or "serving_default")


def test_classify(handlers):
    expected = {
        "classify": [[("a1", 1.0), ("a2", 2.0)], [("a4", 4.0), ("a8", 8.0)]],
        "scores": [[("", 1.0), ("", 2.0)], [("", 4.0), ("", 8.0)]],
        "classes": [[("a1", 0.0), ("a2", 0.0)], [("a4", 0.0), ("a8", 0.0)]],
    }
    for signature, rows in expected.items():
        response = call(handlers, CLASSIFY, signature, examples(1, 4))
        assert [
            [(one.label, one.score) for one in row.classes]
            for row in response.result.classifications
        ] == rows
        assert response.model_spec.signature_name == signature


def test_a_context_holds_for_every_example(handlers):
    listed = input_pb2.ExampleListWithContext(
        examples=[example(x=1), example(x=2)], context=example(shift=10)
    )
    inputs = input_pb2.Input(example_list_with_context=listed)
    response = call(handlers, REGRESS, "column", inputs)
    assert [regression.value for regression in response.result.regressions] == [11, 12]


@pytest.mark.parametrize(
    ("kind", "signature", "text"),
    [
        (REGRESS, "square", "Expected output Tensor shape to be either [batch_size] or "
                            "[batch_size, 1] but got [2,2]"),
        (REGRESS, "double", "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
        (REGRESS, "one_row", "Input batch size did not match output batch size: 2 vs. 1"),
        (REGRESS, "two_outputs", "Expected one output Tensor."),
        (REGRESS, "two_inputs", "Expected one input Tensor."),
        (REGRESS, "nowhere", "No signature was found with the name: nowhere"),
        (CLASSIFY, "nowhere", "No signature was found with the name: nowhere"),
        (CLASSIFY, "two_inputs", "Expected one input Tensor."),
        (CLASSIFY, "three_outputs", "Expected one or two output Tensors, found 3"),
        (CLASSIFY, "flat", "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        (CLASSIFY, "numbers_for_classes", "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        (CLASSIFY, "ragged", "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_signature(handlers, kind, signature, text):
    with pytest.raises(StatusError) as raised:
        call(handlers, kind, signature, examples(1, 2))
    assert (raised.value.code, raised.value.message) == (INVALID_ARGUMENT, text)


@pytest.mark.parametrize(
    ("kind", "signature", "text"),
    [
        (REGRESS, "no_inputs", "No regression inputs found in SignatureDef: inputs {"),
        (REGRESS, "no_outputs", "No regression outputs found in SignatureDef: inputs {"),
        (CLASSIFY, "no_inputs", "No classification inputs found in SignatureDef: inputs {"),
        (CLASSIFY, "neither", "Expected classification signature outputs to contain at least one "
                              'of "classes" or "scores". Signature was: inputs {'),
    ],
)  # fmt: skip
def test_what_a_signature_lacks(handlers, kind, signature, text):
    with pytest.raises(StatusError) as raised:
        call(handlers, kind, signature, examples(1))
    assert raised.value.message.startswith(text)


@pytest.mark.parametrize("inputs", [input_pb2.Input(), examples()])
@pytest.mark.parametrize(("kind", "signature"), [(REGRESS, ""), (CLASSIFY, "classify")])
def test_no_examples(handlers, kind, signature, inputs):
    with pytest.raises(StatusError, match=r"^INVALID_ARGUMENT: Input is empty\.$"):
        call(handlers, kind, signature, inputs)


def test_method_names_count_if_they_are_asked_to(handlers, start, estimates):
    strict = start(
        model_name="e", model_base_path=str(estimates), enable_signature_method_name_check=True
    )
    assert call(handlers, CLASSIFY, "scores", examples(1)) == call(
        strict, CLASSIFY, "scores", examples(1)
    )
    with pytest.raises(StatusError) as raised:
        call(strict, REGRESS, "scores", examples(1))
    assert raised.value.message == (
        f"Expected regression signature method_name to be {REGRESS}. Was: {CLASSIFY}"
    )


def multi(*tasks: tuple[str, str, str]) -> inference_pb2.MultiInferenceRequest:
    request = inference_pb2.MultiInferenceRequest(input=examples(1, 4))
    for model, signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = model, signature
    return request


def test_multi_inference(handlers):
    response = handlers.multi_inference(
        multi(("e", "", REGRESS), ("e", "classify", CLASSIFY), ("e", "column", REGRESS))
    )
    assert response == inference_pb2.MultiInferenceResponse(
        results=[
            inference_pb2.InferenceResult(
                model_spec=answer.model_spec, **{f"{kind}_result": answer.result}
            )
            for kind, answer in (
                ("regression", call(handlers, REGRESS, "", examples(1, 4))),
                ("classification", call(handlers, CLASSIFY, "classify", examples(1, 4))),
                ("regression", call(handlers, REGRESS, "column", examples(1, 4))),
            )
        ]
    )


@pytest.mark.parametrize(
    ("tasks", "code", "text"),
    [
        ([], INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ([("e", "", REGRESS), ("", "", REGRESS)], INVALID_ARGUMENT,
         "Found ModelSpec with an empty model name."),
        ([("e", "", REGRESS), ("f", "", REGRESS)], INVALID_ARGUMENT,
         "All ModelSpecs in a MultiInferenceRequest must access the same model name."),
        ([("e", "", REGRESS), ("e", "serving_default", REGRESS)], INVALID_ARGUMENT,
         "Duplicate evaluation of signature: serving_default"),
        ([("e", "nowhere", REGRESS)], INVALID_ARGUMENT,
         "Requested signature not found in model graph: nowhere"),
        ([("e", "", "predict")], grpc.StatusCode.UNIMPLEMENTED,
         "Unsupported signature method_name: predict"),
        ([("e", "", REGRESS), ("e", "by_number", REGRESS)], INVALID_ARGUMENT,
         "Input tensor must be the same for all Signatures."),
        ([("nobody", "", REGRESS)], grpc.StatusCode.NOT_FOUND,
         "Servable not found for request: Latest(nobody)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_multi_inference(handlers, tasks, code, text):
    with pytest.raises(StatusError) as raised:
        handlers.multi_inference(multi(*tasks))
    assert (raised.value.code, raised.value.message) == (code, text)


def test_a_missing_model_spec(handlers):
    for method, request in (
        (handlers.classify, classification_pb2.ClassificationRequest(input=examples(1))),
        (handlers.regress, regression_pb2.RegressionRequest(input=examples(1))),
    ):
        with pytest.raises(StatusError, match=r"^INVALID_ARGUMENT: Missing ModelSpec$"):
            method(request)


def test_a_passed_deadline(handlers):
    request = regression_pb2.RegressionRequest(input=examples(1))
    request.model_spec.name = "e"
    with pytest.raises(StatusError) as raised:
        handlers.regress(request, 0.0)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
