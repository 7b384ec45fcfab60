"""Answers as JSON text, laid out as TF Serving's writer lays them out."""

import inspect
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    regression_pb2,
)

from serving import tensors
from serving.server.errors import invalid_argument
from serving.server.rest.array_text import (
    indent,
    split_rows,
    write_block,
    write_floats,
    write_line,
    write_strings,
)

_WRITTEN = frozenset(
    [
        *(types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF),
        *(types_pb2.DT_INT8, types_pb2.DT_INT16, types_pb2.DT_INT32, types_pb2.DT_INT64),
        *(types_pb2.DT_UINT8, types_pb2.DT_UINT32, types_pb2.DT_UINT64),
        *(types_pb2.DT_BOOL, types_pb2.DT_STRING),
    ]
)
# Protobuf 26 gave the option another name.
_PRINT_DEFAULTS = {
    name: True
    for name in ("including_default_value_fields", "always_print_fields_with_no_presence")
    if name in inspect.signature(json_format.MessageToJson).parameters
}


def write_predictions(outputs: Mapping[str, tensor_pb2.TensorProto]) -> bytes:
    """Writes outputs in row format: `{"predictions": [...]}`, an entry for each row.

    Args:
        outputs: the output tensors by name; the name is left out if there is one alone.

    Returns:
        The JSON text.

    Raises:
        StatusError: an output has no rows or another number of them, or cannot be written.
    """
    columns = {name: _read(outputs[name]) for name in sorted(outputs)}
    count = _row_count(columns)
    depth = 2 if len(columns) == 1 else 3
    texts = [
        write_line(array, _holds_bytes(name), depth + array.ndim - 1)
        for name, array in columns.items()
    ]
    if len(columns) == 1:
        rows = texts[0].layout[1:-1]
    else:
        # A name goes through two substitutions: that of the row's values and that of strings.
        names = [text.replace(b"%", b"%%%%") for text in _names(columns)]
        members = b",".join(indent(3) + name + b": %b" for name in names)
        row = indent(2) + b"{" + members + indent(2) + b"}"
        split = [
            split_rows(text.layout, array)
            for text, array in zip(texts, columns.values(), strict=True)
        ]
        rows = b",".join(map(row.__mod__, zip(*split, strict=True)))
    strings = _by_row([text.strings for text in texts], count)
    end = indent(1) + b"]\n}" if count else b"]\n}"
    return (b'{\n    "predictions": [' + rows + end) % tuple(strings)


def write_outputs(outputs: Mapping[str, tensor_pb2.TensorProto]) -> bytes:
    """Writes outputs in column format: `{"outputs": ...}`, a value a line.

    Args:
        outputs: the output tensors by name; the name is left out if there is one alone.

    Returns:
        The JSON text.

    Raises:
        StatusError: an output cannot be written.
    """
    columns = {name: _read(outputs[name]) for name in sorted(outputs)}
    if len(columns) == 1:
        ((name, array),) = columns.items()
        return b'{\n    "outputs": ' + write_block(array, _holds_bytes(name), depth=1) + b"\n}"
    members = [
        indent(2) + text + b": " + write_block(columns[name], _holds_bytes(name), depth=2)
        for name, text in zip(columns, _names(columns), strict=True)
    ]
    return b'{\n    "outputs": {' + b",".join(members) + b"\n    }\n}"


def write_classifications(result: classification_pb2.ClassificationResult) -> bytes:
    """Writes `{"results": [...]}` with a list of `[label, score]` for each example.

    Raises:
        StatusError: there is none.
    """
    if not result.classifications:
        raise invalid_argument("Cannot convert empty ClassificationResults to JSON")
    rows = [example.classes for example in result.classifications]
    scores = write_floats([entry.score for row in rows for entry in row])
    labels = write_strings([entry.label.encode() for row in rows for entry in row])
    pairs = map(b"[%b, %b]".__mod__, zip(labels, scores, strict=True))
    lists = [b", ".join(itertools.islice(pairs, len(row))) for row in rows]
    return b'{\n    "results": [[' + b"], [".join(lists) + b"]\n    ]\n}"


def write_regressions(result: regression_pb2.RegressionResult) -> bytes:
    """Writes `{"results": [...]}` with a number for each example.

    Raises:
        StatusError: there is none.
    """
    if not result.regressions:
        raise invalid_argument("Cannot convert empty RegressionResults to JSON")
    values = write_floats([entry.value for entry in result.regressions])
    return b'{\n    "results": [' + b", ".join(values) + b"]\n}"


def write_status(response: get_model_status_pb2.GetModelStatusResponse) -> bytes:
    """Writes the states of a model's versions; 64-bit integers are strings, as in every message."""
    return _message(response)


def write_metadata(response: get_model_metadata_pb2.GetModelMetadataResponse) -> bytes:
    """Writes the signatures of a model."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    spec, signature_def = _message(response.model_spec), _message(signatures)
    return b'{\n"model_spec":%b,\n"metadata": {"signature_def": %b}\n}\n' % (spec, signature_def)


def write_error(message: str) -> bytes:
    r"""Writes `{"error": message}`.

    Example:
        >>> print(write_error('Missing "x"').decode())
        {
            "error": "Missing \"x\""
        }
    """
    (text,) = write_strings([message.encode("utf-8", "surrogateescape")])
    return b'{\n    "error": ' + text + b"\n}"


def _message(message: Message) -> bytes:
    text = json_format.MessageToJson(
        message, preserving_proto_field_name=True, indent=1, **_PRINT_DEFAULTS
    )
    return text.encode() + b"\n"


def _names(columns: Mapping[str, np.ndarray]) -> list[bytes]:
    return write_strings([name.encode() for name in columns])


def _holds_bytes(name: str) -> bool:
    """Whether TF Serving writes the strings of an output as base64."""
    return name.endswith("_bytes")


def _read(proto: tensor_pb2.TensorProto) -> np.ndarray:
    if proto.dtype not in _WRITTEN:
        dtype = types_pb2.DataType.Name(proto.dtype).removeprefix("DT_").lower()
        raise invalid_argument(f"Failed to write JSON value for tensor type: {dtype}")
    return tensors.from_proto(proto)


def _row_count(columns: Mapping[str, np.ndarray]) -> int:
    if not columns:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    count = None
    for name, array in columns.items():
        if not array.ndim:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if count not in (None, len(array)):
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {count}"
            )
        count = len(array)
    return count or 0


def _by_row(columns: Sequence[list[bytes]], count: int) -> list[bytes]:
    """The strings of all columns in the order in which the rows have them."""
    arrays = [np.array(column, object).reshape(count, -1) for column in columns if column]
    return np.concatenate(arrays, axis=1).ravel().tolist() if arrays else []
