"""tf.Examples written as JSON objects."""

from typing import Any

from tensorflow.core.example import example_pb2, feature_pb2
from tensorflow.core.framework import types_pb2

from serving.server.errors import invalid_argument
from serving.server.rest.arrays import FLOAT_MAX, check_lossless
from serving.server.rest.byte_strings import decode_bytes, encode_string, is_encoded_bytes
from serving.server.rest.json_text import type_name

_INT64 = range(-(2**63), 2**63)


def read_example(value: Any, example: example_pb2.Example) -> None:
    """Puts the features of a JSON object into a tf.Example.

    Args:
        value: the object: numbers, strings, booleans or `{"b64": "..."}`, or lists of one kind.
        example: an empty message.

    Raises:
        StatusError: with TF Serving's texts.

    Example:
        >>> example = example_pb2.Example()
        >>> read_example({"ratings": [8.0, 9.0], "age": 20}, example)
        >>> list(example.features.feature["ratings"].float_list.value)
        [8.0, 9.0]
    """
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {type_name(value)}")
    for name, content in value.items():
        feature = example.features.feature[name.encode("utf-8", "replace").decode()]
        _read_feature(name, content if isinstance(content, list) else [content], feature)


def _read_feature(name: str, values: list[Any], feature: feature_pb2.Feature) -> None:
    types = set(map(type, values))
    if types == {str}:
        feature.bytes_list.value.extend(map(encode_string, values))
    elif types == {float} and min(values) >= -FLOAT_MAX and max(values) <= FLOAT_MAX:
        feature.float_list.value.extend(values)
    elif types == {int} and min(values) in _INT64 and max(values) in _INT64:
        feature.int64_list.value.extend(values)
    elif values:
        kind = _feature_kind(name, values[0])
        field = getattr(feature, f"{kind}_list").value
        field.extend([_read_feature_value(name, value, kind) for value in values])


def _feature_kind(name: str, value: Any) -> str:
    if isinstance(value, str) or is_encoded_bytes(value):
        return "bytes"
    if isinstance(value, float):
        return "float"
    if isinstance(value, int):
        return "int64"
    raise invalid_argument(
        f"Feature: {name} has element with unexpected JSON type: {type_name(value)}"
    )


def _read_feature_value(name: str, value: Any, kind: str) -> bytes | float | int:
    if _feature_kind(name, value) != kind:
        raise invalid_argument(f"Unexpected element type in feature: {name} expecting type: {kind}")
    if kind == "bytes":
        return encode_string(value) if isinstance(value, str) else decode_bytes(value)
    if kind == "float":
        check_lossless(value, types_pb2.DT_FLOAT)
    elif value not in _INT64:
        raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
    return value
