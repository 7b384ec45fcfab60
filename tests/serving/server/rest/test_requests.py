"""Bodies of predict, classify and regress requests: the messages made of them, and the errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2

from serving import tensors
from serving.server.errors import StatusError
from serving.server.rest import arrays
from serving.server.rest.requests import read_examples, read_predict

AB = {"a": types_pb2.DT_INT32, "b": types_pb2.DT_STRING}


def read(body: str | bytes, types: dict[str, int] | int = types_pb2.DT_FLOAT):
    """The request, its arrays and whether it is in row format."""
    types = {"x": types} if isinstance(types, int) else types
    request = predict_pb2.PredictRequest()
    body = body.encode() if isinstance(body, str) else body
    is_row = read_predict(body, request, lambda name: types)
    return request, {name: tensors.from_proto(request.inputs[name]) for name in types}, is_row


def error_of(body: str | bytes, types: dict[str, int] | int = types_pb2.DT_FLOAT) -> str:
    with pytest.raises(StatusError) as error:
        read(body, types)
    assert error.value.code.name == "INVALID_ARGUMENT"
    return error.value.message


@pytest.mark.parametrize("body", ['{"instances": %s}', '{"inputs": %s}', '{"inputs": {"x": %s}}'])
@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("[1, 2.0, 0.2]", tf.float32, [1, 2, 0.2]),
        ("[[1, 2], [3, 4], [5, 6]]", tf.int32, [[1, 2], [3, 4], [5, 6]]),
        ("[NaN, Infinity, -Infinity]", tf.float32, [np.nan, np.inf, -np.inf]),
        ("[1, NaN]", tf.float64, [1, np.nan]),
        ("[1e30, -1e30, 16777215, 16777217.0]", tf.float32, [1e30, -1e30, 16777215, 16777216]),
        ("[9007199254740991, 1e300]", tf.float64, [2**53 - 1, 1e300]),
        ("[-9223372036854775808]", tf.int64, [-(2**63)]),
        ("[18446744073709551615]", tf.uint64, [2**64 - 1]),
        ("[4294967295]", tf.uint32, [2**32 - 1]),
        ("[300, -1]", tf.uint8, [44, 255]),
        ("[128]", tf.int8, [-128]),
        ("[true, false]", tf.bool, [True, False]),
        ('["a", "é"]', tf.string, [b"a", "é".encode()]),
        ('[{"b64": "aGVsbG8="}, {"b64": "d29y bGQ"}, "x"]', tf.string, [b"hello", b"world", b"x"]),
        ('[[{"b64": "AP8="}], ["x"]]', tf.string, [[b"\x00\xff"], [b"x"]]),
        ("[[], []]", tf.float32, np.zeros([2, 0])),
        ("[[[]], [[]]]", tf.int64, np.zeros([2, 1, 0])),
    ],
)
def test_values_of_every_type(body, text, dtype, value):
    _, inputs, is_row = read(body % text, dtype.as_datatype_enum)
    expected = np.array(value, object if dtype == tf.string else dtype.as_numpy_dtype)
    assert inputs["x"].dtype == expected.dtype
    np.testing.assert_array_equal(inputs["x"], expected)
    assert is_row == ("instances" in body)


def test_a_column_may_be_a_scalar():
    assert read('{"inputs": 2}')[1]["x"] == np.float32(2)
    assert read('{"inputs": {"b64": "aGk="}}', types_pb2.DT_STRING)[1]["x"] == b"hi"


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [{"a": [1, 2], "b": "x"}, {"b": {"b64": "eQ=="}, "a": [3, 4]}]}',
        '{"inputs": {"b": ["x", "y"], "a": [[1, 2], [3, 4]], "unknown": 1}}',
    ],
)
def test_several_inputs(body):
    _, inputs, _ = read(body, AB)
    np.testing.assert_array_equal(inputs["a"], np.int32([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(inputs["b"], np.array([b"x", b"y"], object))


def test_one_input_may_be_named_in_each_row():
    _, inputs, is_row = read('{"instances": [{"x": [1]}, {"x": [2]}]}')
    np.testing.assert_array_equal(inputs["x"], np.float32([[1], [2]]))
    assert is_row


def test_the_signature_is_looked_up_before_the_values_are_read():
    names = []

    def input_types(name):
        names.append(name)
        return {}

    for body, shown in [(b'{"signature_name": "s", "instances": 1}', "s"), (b"{}", "DEFAULT")]:
        request = predict_pb2.PredictRequest()
        with pytest.raises(StatusError) as error:
            read_predict(body, request, input_types)
        assert error.value.message == f"Failed to get input map for signature: {shown}"
        assert request.model_spec.signature_name == names[-1]
    assert names == ["s", ""]


ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "


@pytest.mark.parametrize(
    ("body", "types", "message"),
    [
        ("{}", types_pb2.DT_FLOAT, "Missing 'inputs' or 'instances' key"),
        (
            '{"signature_name": 5}',
            types_pb2.DT_FLOAT,
            'JSON Value: {\n    "signature_name": 5\n} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        (
            '{"instances": [1], "inputs": [1]}',
            types_pb2.DT_FLOAT,
            'JSON Value: {\n    "instances": [\n        1\n    ],\n    "inputs": [\n        1\n'
            "    ]\n} Not formatted correctly expecting only one of 'inputs' or 'instances' keys "
            "to exist ",
        ),
        (
            '{"instances": 1}',
            types_pb2.DT_FLOAT,
            "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array",
        ),
        (
            '{"instances": []}',
            types_pb2.DT_FLOAT,
            "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array",
        ),
        (
            '{"instances": [1]}',
            AB,
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map",
        ),
        (
            '{"inputs": [1]}',
            AB,
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map",
        ),
        ('{"inputs": {"a": 1}}', AB, "Missing named input: b in 'inputs' object."),
        (
            '{"instances": [{"a": 1, "b": ""}, {"a": 1, "c": ""}]}',
            AB,
            "Failed to process element: 1 key: c of 'instances' list. Error: INVALID_ARGUMENT: "
            "JSON object: does not have named input: c",
        ),
        (
            '{"instances": [{"a": 1}]}',
            AB,
            "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"a\": 1\n} "
            "keys must be equal to: a,b",
        ),
        (
            '{"instances": [{"a": 1, "b": ""}, [1]]}',
            AB,
            "Expecting object but got list at item 1 of input list",
        ),
        (
            '{"instances": [[1], {"x": 1}]}',
            types_pb2.DT_FLOAT,
            "Expecting value/list but got object at item 1 of input list",
        ),
        (
            '{"instances": [1, "a"]}',
            types_pb2.DT_FLOAT,
            ROW.format(1) + 'JSON Value: "a" Type: String is not of expected type: float',
        ),
        (
            '{"inputs": [1.0]}',
            types_pb2.DT_INT64,
            "JSON Value: 1.0 Type: Number is not of expected type: int64",
        ),
        (
            '{"inputs": [1, true]}',
            types_pb2.DT_FLOAT,
            "JSON Value: true Type: True is not of expected type: float",
        ),
        (
            '{"inputs": [false, 1]}',
            types_pb2.DT_INT32,
            "JSON Value: false Type: False is not of expected type: int32",
        ),
        (
            '{"inputs": [0]}',
            types_pb2.DT_BOOL,
            "JSON Value: 0 Type: Number is not of expected type: bool",
        ),
        (
            '{"inputs": [null]}',
            types_pb2.DT_STRING,
            "JSON Value: null Type: Null is not of expected type: string",
        ),
        (
            '{"inputs": [{"y": 1}]}',
            types_pb2.DT_DOUBLE,
            'JSON Value: {\n    "y": 1\n} Type: Object is not of expected type: double',
        ),
        (
            '{"inputs": [2147483648]}',
            types_pb2.DT_INT8,
            "JSON Value: 2147483648 Type: Number is not of expected type: int8",
        ),
        (
            '{"inputs": [-1]}',
            types_pb2.DT_UINT64,
            "JSON Value: -1 Type: Number is not of expected type: uint64",
        ),
        (
            '{"inputs": [16777216]}',
            types_pb2.DT_FLOAT,
            "Cannot convert JSON value: 16777216 to float without loss of precision.",
        ),
        (
            '{"inputs": [1e39]}',
            types_pb2.DT_FLOAT,
            "Cannot convert JSON value: 1e+39 to float without loss of precision.",
        ),
        (
            '{"inputs": [9007199254740993]}',
            types_pb2.DT_DOUBLE,
            "Cannot convert JSON value: 9007199254740993 to double without loss of precision.",
        ),
        (
            '{"instances": [[1, 2], [3, 4], [5, 6, 7]]}',
            types_pb2.DT_INT32,
            ROW.format(2) + "Expecting tensor size: 2 but got: 3",
        ),
        (
            '{"instances": [[1, 2], [3, 4], [[5, 6]]]}',
            types_pb2.DT_INT32,
            ROW.format(2) + "Expecting shape [2] but got: [1,2]",
        ),
        (
            '{"instances": [1, [1]]}',
            types_pb2.DT_INT32,
            ROW.format(1) + "Expecting shape [] but got: [1]",
        ),
        (
            '{"inputs": [[1], [[1]]]}',
            types_pb2.DT_INT32,
            "Encountered list at unexpected level: 2 expected < 2",
        ),
        (
            '{"inputs": [[1, 2], [1]]}',
            types_pb2.DT_INT32,
            "Encountered list at unexpected size: 1 at level: 1 expected size: 2",
        ),
        (
            '{"inputs": [[1], 2]}',
            types_pb2.DT_INT32,
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        (
            '{"inputs": [{"b": "x"}]}',
            types_pb2.DT_STRING,
            'JSON Value: {\n    "b": "x"\n} not formatted correctly for base64 data',
        ),
        ('{"inputs": {"b64": "a"}}', types_pb2.DT_STRING, "Unable to base64 decode"),
        ('{"inputs": {"b64": "aGk=="}}', types_pb2.DT_STRING, "Unable to base64 decode"),
        ('{"inputs": {"b64": "a-_k"}}', types_pb2.DT_STRING, "Unable to base64 decode"),
    ],
)
def test_errors_of_predict(body, types, message):
    assert error_of(body, types) == message


def test_a_type_that_json_cannot_carry_is_not_implemented():
    with pytest.raises(StatusError) as error:
        read('{"inputs": [1.5]}', types_pb2.DT_HALF)
    assert str(error.value) == "UNIMPLEMENTED: Conversion of JSON Value: 1.5 to type: half"


def test_nesting_beyond_what_a_tensor_may_have_is_refused():
    assert "unexpected level: 254" in error_of('{"inputs": ' + "[" * 600 + "]" * 600 + "}")


_VALUES = st.one_of(
    st.integers(-(2**64), 2**65), st.floats(), st.booleans(), st.text(), st.just({"b64": "eA=="})
)
_NESTED = st.recursive(_VALUES, lambda inner: st.lists(inner, max_size=3), max_leaves=12)


@given(_NESTED, st.sampled_from([*sorted(arrays._NUMPY), types_pb2.DT_STRING]))
def test_the_fast_way_gives_what_the_walk_gives_or_leaves_it_to_the_walk(value, dtype):
    fast = arrays.read_rows(value, dtype)
    if fast is not None:
        walked = arrays._read_values(value, dtype)
        assert repr((fast.shape, list(fast.values))) == repr((walked.shape, list(walked.values)))


@given(
    st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint64]),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.integers(0, 2**32),
)
def test_arrays_survive_the_way_through_json(dtype, shape, seed):
    values = np.random.default_rng(seed).integers(0, 1000, shape).astype(dtype)
    _, inputs, _ = read(
        json.dumps({"inputs": values.tolist()}), tf.as_dtype(dtype).as_datatype_enum
    )
    # A list without items ends the shape: what it would hold is not written.
    kept = shape[: shape.index(0) + 1] if 0 in shape else shape
    np.testing.assert_array_equal(inputs["x"], values.reshape(kept))


def read_features(features: str, message=classification_pb2.ClassificationRequest):
    request = message()
    read_examples(b'{"examples": [%b]}' % features.encode(), request)
    return request.input.example_list.examples[0].features.feature


@pytest.mark.parametrize(
    "message", [classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest]
)
def test_examples_with_context_and_signature(message):
    request = message()
    read_examples(
        b"""{
        "signature_name": "custom",
        "context": {"query": "pizza", "place": ["sfo"]},
        "examples": [
            {"names": ["foo", {"b64": "aGVsbG8="}], "ratings": [8.0, NaN, -Infinity]},
            {"age": 20, "ratings": 6.0, "mix": [1, true, false], "none": []}
        ]}""",
        request,
    )
    expected = text_format.Parse(
        """
        model_spec { signature_name: "custom" }
        input { example_list_with_context {
          context { features {
            feature { key: "query" value { bytes_list { value: "pizza" } } }
            feature { key: "place" value { bytes_list { value: "sfo" } } }
          } }
          examples { features {
            feature { key: "names" value { bytes_list { value: "foo" value: "hello" } } }
            feature { key: "ratings" value { float_list { value: 8 value: nan value: -inf } } }
          } }
          examples { features {
            feature { key: "age" value { int64_list { value: 20 } } }
            feature { key: "ratings" value { float_list { value: 6 } } }
            feature { key: "mix" value { int64_list { value: 1 value: 1 value: 0 } } }
            feature { key: "none" value { } }
          } }
        } }
        """,
        message(),
    )
    assert str(request) == str(expected)


def test_lists_of_one_kind():
    features = read_features('{"f": [1.5, 2.5], "i": [1, -2], "s": ["é", "b"], "t": [true]}')
    assert list(features["f"].float_list.value) == [1.5, 2.5]
    assert list(features["i"].int64_list.value) == [1, -2]
    assert list(features["s"].bytes_list.value) == ["é".encode(), b"b"]
    assert list(features["t"].int64_list.value) == [1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '{"signature_name": ["s"], "examples": [{}]}',
            "'signature_name' key must be a string value.",
        ),
        ('{"context": [{}]}', "Example must be JSON object but got JSON Array"),
        (
            "{}",
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
        ),
        (
            '{"examples": {}}',
            "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array",
        ),
        (
            '{"examples": []}',
            "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
        ),
        ('{"examples": [3]}', "Example must be JSON object but got JSON Number"),
        (
            '{"examples": [{"n": [10, null]}]}',
            "Feature: n has element with unexpected JSON type: Null",
        ),
        (
            '{"examples": [{"n": {"y": 1}}]}',
            "Feature: n has element with unexpected JSON type: Object",
        ),
        ('{"examples": [{"n": [[1]]}]}', "Feature: n has element with unexpected JSON type: Array"),
        (
            '{"examples": [{"n": [10, 10.0]}]}',
            "Unexpected element type in feature: n expecting type: int64",
        ),
        (
            '{"examples": [{"n": [1.5, "a"]}]}',
            "Unexpected element type in feature: n expecting type: float",
        ),
        (
            '{"examples": [{"n": ["a", true]}]}',
            "Unexpected element type in feature: n expecting type: bytes",
        ),
        (
            '{"examples": [{"n": [20, 18446744073709551603]}]}',
            "Feature: n has uint64 element. Only int64 is supported.",
        ),
        (
            '{"examples": [{"n": [1.5, 1e39]}]}',
            "Cannot convert JSON value: 1e+39 to float without loss of precision.",
        ),
        ('{"examples": [{"n": {"b64": "?"}}]}', "Unable to base64 decode"),
    ],
)
def test_errors_of_examples(body, message):
    with pytest.raises(StatusError) as error:
        read_examples(body.encode(), regression_pb2.RegressionRequest())
    assert error.value.code.name == "INVALID_ARGUMENT"
    assert error.value.message.endswith(message)
    assert error.value.message == message or "signature_name" in message
