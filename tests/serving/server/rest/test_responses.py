"""Answers as JSON text: their layout byte by byte, and their values read back."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    regression_pb2,
)

from serving import tensors
from serving.server.errors import StatusError
from serving.server.rest import responses


def proto(value: np.ndarray) -> tensor_pb2.TensorProto:
    message = tensor_pb2.TensorProto()
    is_string = value.dtype == object
    dtype = types_pb2.DT_STRING if is_string else tf.as_dtype(value.dtype).as_datatype_enum
    tensors.to_proto(value, dtype, message)
    return message


def predictions(**outputs: np.ndarray) -> str:
    text = responses.write_predictions({name: proto(value) for name, value in outputs.items()})
    return text.decode("utf-8", "surrogateescape")


def columns(**outputs: np.ndarray) -> str:
    text = responses.write_outputs({name: proto(value) for name, value in outputs.items()})
    return text.decode("utf-8", "surrogateescape")


STRINGS = np.array([[b"x, y%b", b"0"], [b'"\n', "é".encode()]], object)


def test_rows_of_one_output_are_on_one_line():
    assert predictions(y=np.float32([2.5, 3, 4.5])) == (
        '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
    )
    assert predictions(y=np.int64([[1, 2], [3, 4]])) == (
        '{\n    "predictions": [[1, 2], [3, 4]\n    ]\n}'
    )
    assert predictions(y=STRINGS) == (
        '{\n    "predictions": [["x, y%b", "0"], ["\\"\\n", "é"]\n    ]\n}'
    )


def test_rows_of_several_outputs_are_objects():
    outputs = {
        "p%b": np.float32([0.2, 1]),
        "item": STRINGS,
        "image_bytes": np.array([b"hello", b"\xff"], object),
        "seen": np.zeros([2, 0, 3], bool),
    }
    assert predictions(**outputs) == (
        """{
    "predictions": [
        {
            "image_bytes": {
                "b64": "aGVsbG8="
            },
            "item": ["x, y%b", "0"],
            "p%b": 0.2,
            "seen": []
        },
        {
            "image_bytes": {
                "b64": "/w=="
            },
            "item": ["\\"\\n", "é"],
            "p%b": 1.0,
            "seen": []
        }
    ]
}"""
    )


def test_columns_have_a_value_a_line():
    assert columns(y=np.float32([[1, 0.5], [2, 3]])) == (
        """{
    "outputs": [
        [
            1.0,
            0.5
        ],
        [
            2.0,
            3.0
        ]
    ]
}"""
    )
    assert columns(a=np.int32(7), b=np.array([b"hi"], object), c_bytes=np.array(b"hi", object)) == (
        """{
    "outputs": {
        "a": 7,
        "b": [
            "hi"
        ],
        "c_bytes": {
            "b64": "aGk="
        }
    }
}"""
    )


def test_floats_have_the_fewest_digits_of_their_precision():
    values = [0.2, 1 / 3, 9_000_000, 16_777_216, 1e-7, -0.0, math.nan, math.inf, -math.inf]
    assert predictions(y=np.float32(values)) == (
        '{\n    "predictions": [0.2, 0.33333334, 9000000.0, 16777216.0, 1e-7, -0.0, NaN, Infinity, '
        "-Infinity\n    ]\n}"
    )
    assert predictions(y=np.float64([0.2, 1 / 3])) == (
        '{\n    "predictions": [0.2, 0.3333333333333333\n    ]\n}'
    )
    assert predictions(y=np.float16([0.5, 3])) == '{\n    "predictions": [0.5, 3.0\n    ]\n}'


def test_no_rows():
    assert predictions(y=np.zeros([0, 2], np.float32)) == '{\n    "predictions": []\n}'
    assert predictions(y=np.zeros([0], np.float32), z=np.zeros([0, 3, 4], np.int32)) == (
        '{\n    "predictions": []\n}'
    )
    assert columns(y=np.zeros([2, 0], np.float32)) == (
        '{\n    "outputs": [\n        [],\n        []\n    ]\n}'
    )


def test_bytes_that_are_not_utf_8_pass_as_they_are():
    text = responses.write_predictions({"y": proto(np.array([b"\xff"], object))})
    assert text == b'{\n    "predictions": ["\xff"\n    ]\n}'


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.int32(1)}, "Tensor name: y has no shape information "),
        (
            {"a": np.int32([1, 2]), "b": np.int32([1])},
            "Tensor name: b has inconsistent batch size: 1 expecting: 2",
        ),
        ({"y": np.complex64([1])}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_errors_of_predictions(outputs, message):
    with pytest.raises(StatusError) as error:
        predictions(**outputs)
    assert str(error.value) == f"INVALID_ARGUMENT: {message}"


_ARRAYS = st.sampled_from(["<f4", "<f8", "<i4", "<i8", "<u8", "|b1", "S"]).flatmap(
    lambda dtype: hypothesis_numpy.arrays(
        object if dtype == "S" else dtype,
        hypothesis_numpy.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3),
        elements=st.binary(max_size=5) if dtype == "S" else None,
        fill=st.nothing(),
    )
)


def _as_json(name: str, value: object) -> object:
    if isinstance(value, list):
        return [_as_json(name, item) for item in value]
    if isinstance(value, bytes) and name.endswith("_bytes"):
        return {"b64": base64.b64encode(value).decode()}
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


@given(st.lists(_ARRAYS, min_size=1, max_size=3), st.sampled_from(["y", "%s", "_bytes", '"0,']))
def test_what_is_written_is_read_back(arrays, name):
    outputs = {f"{index}{name}": array for index, array in enumerate(arrays)}
    expected = {key: _as_json(key, array.tolist()) for key, array in outputs.items()}
    found = json.loads(columns(**outputs))["outputs"]
    found = {next(iter(outputs)): found} if len(outputs) == 1 else found
    assert found.keys() == expected.keys()
    for key, array in outputs.items():
        if array.dtype == np.float32:
            read = np.array(found[key], np.float32).reshape(array.shape)
            np.testing.assert_array_equal(read, array)
        else:
            assert repr(found[key]) == repr(expected[key])
    if len({len(array) for array in arrays}) == 1:
        rows = json.loads(predictions(**outputs))["predictions"]
        if len(outputs) > 1:
            columns_of_rows = {key: [row[key] for row in rows] for key in outputs}
        else:
            columns_of_rows = {next(iter(outputs)): rows}
        assert repr(columns_of_rows) == repr(found) or not rows


def test_classifications():
    result = text_format.Parse(
        """
        classifications { classes { label: "car" score: 0.2 } classes { label: "b, \\"" score: 1 } }
        classifications { classes { score: nan } }
        classifications { }
        """,
        classification_pb2.ClassificationResult(),
    )
    assert responses.write_classifications(result).decode() == (
        '{\n    "results": [[["car", 0.2], ["b, \\"", 1.0]], [["", NaN]], []\n    ]\n}'
    )
    with pytest.raises(StatusError, match="Cannot convert empty ClassificationResults to JSON"):
        responses.write_classifications(classification_pb2.ClassificationResult())


def test_regressions():
    result = text_format.Parse(
        "regressions { value: 0.2 } regressions { value: 1 } regressions { value: -inf }",
        regression_pb2.RegressionResult(),
    )
    assert responses.write_regressions(result) == b'{\n    "results": [0.2, 1.0, -Infinity]\n}'
    with pytest.raises(StatusError, match="Cannot convert empty RegressionResults to JSON"):
        responses.write_regressions(regression_pb2.RegressionResult())


def test_status_has_strings_for_64_bits_names_for_enums_and_default_fields():
    response = text_format.Parse(
        "model_version_status { version: 123 state: AVAILABLE status { } }",
        get_model_status_pb2.GetModelStatusResponse(),
    )
    assert responses.write_status(response).decode() == (
        """{
 "model_version_status": [
  {
   "version": "123",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""
    )


def test_metadata():
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = "half_plus_two"
    response.model_spec.version.value = 123
    signatures = text_format.Parse(
        """signature_def { key: "serving_default" value {
            method_name: "tensorflow/serving/predict"
            inputs { key: "x" value {
                name: "x:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } } } } } }""",
        get_model_metadata_pb2.SignatureDefMap(),
    )
    response.metadata["signature_def"].Pack(signatures)
    text = responses.write_metadata(response).decode()
    assert text.startswith('{\n"model_spec":{\n "name": "half_plus_two",\n')
    found = json.loads(text)
    assert found["model_spec"] == {"name": "half_plus_two", "version": "123", "signature_name": ""}
    signature = found["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"] == {
        "name": "x:0",
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    }
    assert signature["outputs"] == {}
    assert signature["method_name"] == "tensorflow/serving/predict"


def test_errors():
    text = responses.write_error('Bad "key": é\n\\')
    assert text.decode() == '{\n    "error": "Bad \\"key\\": é\\n\\\\"\n}'
