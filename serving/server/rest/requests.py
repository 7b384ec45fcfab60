"""The bodies of predict, classify and regress requests, as the API's messages."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2

from serving.server.errors import StatusError, invalid_argument
from serving.server.rest import arrays
from serving.server.rest.arrays import Dense
from serving.server.rest.byte_strings import is_encoded_bytes
from serving.server.rest.examples import read_example
from serving.server.rest.json_text import parse, show, value_error

_ExamplesRequest = TypeVar(
    "_ExamplesRequest", classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest
)


def read_predict(
    body: bytes,
    request: predict_pb2.PredictRequest,
    input_types: Callable[[str], Mapping[str, int]],
) -> bool:
    """Puts the signature's name and the inputs of a body into a request.

    Args:
        body: the JSON text.
        request: the message; its `model_spec` names the model already.
        input_types: gives the `DataType` of each input of the signature of a name, which is empty
            for the default one.

    Returns:
        Whether the body is in row format (`instances`) and not in column format (`inputs`).

    Raises:
        StatusError: with TF Serving's texts, checked in its order.
    """
    document = parse(body)
    _read_signature_name(document, request)
    name = request.model_spec.signature_name
    types = input_types(name)
    if not types:
        raise invalid_argument(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    has_rows = "instances" in document
    if has_rows and "inputs" in document:
        raise value_error(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if has_rows:
        inputs = _read_instances(document, types)
    elif "inputs" in document:
        inputs = _read_columns(document["inputs"], types)
    else:
        raise invalid_argument("Missing 'inputs' or 'instances' key")
    for alias, dense in inputs.items():
        arrays.write_proto(dense, types[alias], request.inputs[alias])
    return has_rows


def read_examples(body: bytes, request: _ExamplesRequest) -> None:
    """Puts the signature's name and the tf.Examples of a body into a classify or regress request.

    Args:
        body: the JSON text.
        request: the message; its `model_spec` names the model already.

    Raises:
        StatusError: with TF Serving's texts, checked in its order.
    """
    document = parse(body)
    _read_signature_name(document, request)
    target = request.input.example_list
    if "context" in document:
        target = request.input.example_list_with_context
        read_example(document["context"], target.context)
    if "examples" not in document:
        raise value_error(
            document, "When method is classify, key 'examples' is expected and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise value_error(document, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise value_error(document, "'examples' value is an empty array")
    for example in examples:
        read_example(example, target.examples.add())


def _read_signature_name(
    document: dict[str, Any], request: predict_pb2.PredictRequest | _ExamplesRequest
) -> None:
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise value_error(
            document, "not formatted correctly. 'signature_name' key must be a string value."
        )
    request.model_spec.signature_name = name.encode("utf-8", "replace").decode()


def _read_columns(value: Any, types: Mapping[str, int]) -> dict[str, Dense]:
    if not isinstance(value, dict) or is_encoded_bytes(value):
        if len(types) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        value = {next(iter(types)): value}
    inputs = {}
    for alias, dtype in types.items():
        if alias not in value:
            raise invalid_argument(f"Missing named input: {alias} in 'inputs' object.")
        inputs[alias] = arrays.read_dense(value[alias], dtype)
    return inputs


def _read_instances(document: dict[str, Any], types: Mapping[str, int]) -> dict[str, Dense]:
    rows = document["instances"]
    if not isinstance(rows, list):
        raise value_error(document, "Expecting 'instances' to be an list/array")
    if not rows:
        raise value_error(document, "No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(types) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    named = _is_object(rows[0])
    columns = _split_objects(rows, types) if named else {next(iter(types)): rows}
    inputs = {alias: arrays.read_rows(column, types[alias]) for alias, column in columns.items()}
    if inputs and all(dense is not None for dense in inputs.values()):
        return inputs  # type: ignore[return-value]
    return _read_each_row(rows, types)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_encoded_bytes(value)


def _split_objects(rows: list[Any], types: Mapping[str, int]) -> dict[str, list[Any]]:
    """The values of each name; nothing if not every row is an object of just these names."""
    if set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(types)}:
        return {}
    try:
        return {alias: list(map(itemgetter(alias), rows)) for alias in types}
    except KeyError:
        return {}


class _Rows:
    """Tensors that grow by a row at a time, as long as the rows have one shape.

    Args:
        types: the `DataType` of each input.
    """

    def __init__(self, types: Mapping[str, int]) -> None:
        self._types = types
        self._parts: dict[str, list[Dense]] = {}

    def add(self, alias: str, value: Any) -> None:
        """Adds the value of an input in the next row."""
        if alias not in self._types:
            raise invalid_argument(f"JSON object: does not have named input: {alias}")
        row = arrays.read_dense(value, self._types[alias])
        parts = self._parts.setdefault(alias, [row])
        first = parts[0]
        if len(row.values) != len(first.values):
            raise invalid_argument(
                f"Expecting tensor size: {len(first.values)} but got: {len(row.values)}"
            )
        if row.shape != first.shape:
            raise invalid_argument(
                f"Expecting shape {_shape(first.shape)} but got: {_shape(row.shape)}"
            )
        if row is not first:
            parts.append(row)

    def join(self) -> dict[str, Dense]:
        """The tensors of all rows."""
        return {
            alias: Dense(
                (len(parts), *parts[0].shape),
                list(itertools.chain.from_iterable(part.values for part in parts)),
            )
            for alias, parts in self._parts.items()
        }


def _read_each_row(rows: list[Any], types: Mapping[str, int]) -> dict[str, Dense]:
    tensors = _Rows(types)
    named = _is_object(rows[0])
    for index, row in enumerate(rows):
        if _is_object(row) != named:
            expected, found = ("object", "list") if named else ("value/list", "object")
            raise invalid_argument(
                f"Expecting {expected} but got {found} at item {index} of input list"
            )
        for alias, value in row.items() if named else [(next(iter(types)), row)]:
            try:
                tensors.add(alias, value)
            except StatusError as error:
                key = f" key: {alias}" if named else ""
                raise invalid_argument(
                    f"Failed to process element: {index}{key} of 'instances' list. Error: {error}"
                ) from error
        if named and row.keys() != types.keys():
            raise invalid_argument(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{show(row)} keys must be equal to: {','.join(sorted(types))}"
            )
    return tensors.join()


def _shape(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
