"""Calls over REST.

JSON tells neither dtypes nor the version that answered, so that the signature has to be known to
read outputs as arrays of the right dtype.
"""

import base64
import functools
import json
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any

import grpc
import httpx
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.client.answers import TensorSpec, VersionStatus, describe
from serving.client.calls import Call, OtherSignatureError, Prediction, ServingError, Tls, failure

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ABORTED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    502: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class Rest:
    """A pool of connections that blocks.

    Args:
        address: `http://host:port` or `https://host:port`.
        tls: files for `https`; the certificates of the system vouch for the server by default.
    """

    _client_class: Any = httpx.Client

    def __init__(self, address: str, tls: Tls | None) -> None:
        self.address = address.rstrip("/")
        self._verify = True if tls is None else _context(tls)

    @functools.cached_property
    def _client(self) -> Any:
        return self._client_class(verify=self._verify)

    def send(self, call: Call, timeout: float, given: float) -> Any:
        """As `Grpc.send`."""
        try:
            return self._read(call, given, self._client.send(self._request(call, timeout)))
        except httpx.TransportError as error:
            raise self._failure(call, given, error) from error

    def _request(self, call: Call, timeout: float) -> httpx.Request:
        verb, path, body = _request(call)
        # httpx takes no less than nothing, and 0 as "for ever".
        return self._client.build_request(
            verb, self.address + path, content=body, timeout=max(timeout, 1e-3)
        )

    def _read(self, call: Call, given: float, response: httpx.Response) -> Any:
        if response.is_success:
            return _read(call, response.json())
        try:
            details = response.json()["error"]
        except (ValueError, KeyError, TypeError):
            details = response.text[:200] or f"HTTP status {response.status_code}"
        code = _CODES.get(response.status_code, grpc.StatusCode.UNKNOWN)
        after = response.headers.get("Retry-After", "")
        seconds = float(after) if after.isdecimal() else None
        raise failure(call, self.address, given, code, details, seconds)

    def _failure(self, call: Call, given: float, error: httpx.TransportError) -> ServingError:
        late = isinstance(error, httpx.TimeoutException)
        code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.UNAVAILABLE
        return failure(call, self.address, given, code, str(error) or type(error).__name__)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


class AsyncRest(Rest):
    """A pool of connections for asyncio."""

    _client_class = httpx.AsyncClient

    async def send(self, call: Call, timeout: float, given: float) -> Any:
        """As `Grpc.send`."""
        try:
            response = await self._client.send(self._request(call, timeout))
        except httpx.TransportError as error:
            raise self._failure(call, given, error) from error
        return self._read(call, given, response)

    async def close(self) -> None:  # type: ignore[override]
        """As `Rest.close`."""
        await self._client.aclose()


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if tls.ca is None else str(tls.ca))
    if tls.certificate is not None:
        context.load_cert_chain(str(tls.certificate), str(tls.key))
    return context


def _request(call: Call) -> tuple[str, str, bytes | None]:
    path = f"/v1/models/{urllib.parse.quote(call.model, safe='')}"
    if isinstance(call.version, str):
        path += f"/labels/{urllib.parse.quote(call.version, safe='')}"
    elif call.version is not None:
        path += f"/versions/{call.version}"
    if call.method == "Status":
        return "GET", path, None
    if call.method == "Metadata":
        return "GET", f"{path}/metadata", None
    body: dict[str, Any] = {"signature_name": call.signature} if call.signature else {}
    if call.method == "Predict":
        body["inputs"] = _features(_with_defaults(call))
    else:
        if call.context is not None:
            body["context"] = _features(call.context)
        body["examples"] = [_features(features) for features in call.examples]
    return "POST", f"{path}:{call.method.lower()}", json.dumps(body).encode()


def _with_defaults(call: Call) -> dict[str, Any]:
    """REST takes every input of a signature, also one that has a default."""
    given = map(np.asarray, call.inputs.values())
    rows = max([1, *(len(value) for value in given if value.ndim)])
    inputs = {}
    for name, spec in call.described.inputs.items():
        if spec.default is not None:
            # JSON cannot write [0, 0]; a row of nothing for each of the batch says the same.
            empty = not spec.default.size and spec.default.ndim > 1
            inputs[name] = [[]] * rows if empty else spec.default
    return inputs | dict(call.inputs)


def _features(features: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _json(value) for name, value in features.items()}


def _json(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind in "SO":
        encoded = np.frompyfunc(_text, 1, 1)(np.asarray(value, object))
        return encoded.tolist() if isinstance(encoded, np.ndarray) else encoded
    return array.tolist()


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    return value


def _read(call: Call, answer: Any) -> Any:
    if call.method == "Predict":
        return Prediction(_outputs(answer["outputs"], call), None)
    if call.method == "Classify":
        return [[(label, score) for label, score in row] for row in answer["results"]]
    if call.method == "Regress":
        return np.array(answer["results"], np.float32)
    if call.method == "Metadata":
        packed = get_model_metadata_pb2.SignatureDefMap()
        found = {"signatureDef": answer["metadata"]["signature_def"]["signature_def"]}
        json_format.ParseDict(found, packed, ignore_unknown_fields=True)
        return int(answer["model_spec"]["version"]), describe(packed)
    statuses = [
        VersionStatus(int(v["version"]), v["state"], v["status"]["error_message"])
        for v in answer["model_version_status"]
    ]
    return sorted(statuses, key=lambda status: -status.version)


def _outputs(values: Any, call: Call) -> dict[str, np.ndarray]:
    specs = call.described.outputs
    if len(specs) == 1:
        values = {next(iter(specs)): values}
    try:
        if values.keys() != specs.keys():
            raise OtherSignatureError
        arrays = {name: _array(values[name], spec) for name, spec in specs.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise OtherSignatureError from error
    if missing := sorted(set(call.outputs) - arrays.keys()):
        raise ValueError(
            f"Model {call.model} has no output {', '.join(missing)}; it has "
            f"{', '.join(sorted(arrays))}."
        )
    return {name: arrays[name] for name in call.outputs or arrays}


def _array(value: Any, spec: TensorSpec) -> np.ndarray:
    if spec.dtype == "string":
        array = np.frompyfunc(_bytes, 1, 1)(_objects(value))
        array = np.asarray(array, object)
    else:
        array = np.array(value, tf.as_dtype(spec.dtype).as_numpy_dtype)
    if not array.size and spec.shape is not None:
        # JSON shows no dimension behind one of size 0.
        return array.reshape([0, *(dim or 0 for dim in spec.shape[1:])])
    return array


def _objects(value: Any) -> np.ndarray:
    """Nested lists of texts and {"b64": ...} as an array."""
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    for _ in shape[1:]:
        value = [item for row in value for item in row]
    array = np.empty(len(value) if shape else 1, object)
    array[:] = value if shape else [value]
    return array.reshape(shape)


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()
