"""Requests that TensorFlow Serving sends to a version before it answers with it.

The first run of a signature optimizes its graph, for a second and more. A server runs the requests
in `assets.extra/tf_serving_warmup_requests` beforehand, so that nobody waits for it.
"""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")

# Numbers of the fields in tensorflow_serving/apis/*.proto, whose package the library does without.
_PREDICT_LOG = 6  # of PredictionLog
_REQUEST = 1  # of PredictLog
_MODEL_SPEC, _INPUTS = 1, 2  # of PredictRequest
_SIGNATURE_NAME = 3  # of ModelSpec
_KEY, _VALUE = 1, 2  # of an entry of a map


def write_requests(
    path: pathlib.Path,
    signatures: Mapping[str, tf.types.experimental.PolymorphicFunction],
    samples: Mapping[str, Any],
) -> None:
    """Write a request for each signature that the samples suffice to ask, beside a SavedModel.

    Args:
        path: Folder of the SavedModel.
        signatures: Functions by name, as `with_signature` makes them.
        samples: A value for each input that has no default, by name.
    """
    target = path / FILE
    target.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(target)) as writer:
        for name, function in signatures.items():
            parameters = inspect.signature(function.python_function).parameters.values()
            given = {p.name: samples.get(p.name, p.default) for p in parameters}
            if all(value is not inspect.Parameter.empty for value in given.values()):
                values = {name: _with_a_row(np.asarray(value)) for name, value in given.items()}
                writer.write(_prediction_log(name, values))


def _with_a_row(value: np.ndarray) -> np.ndarray:
    """Return one row of missing values for none, without which a server cannot join requests."""
    if not value.ndim or len(value):
        return value
    missing = {"O": b"", "f": np.nan}.get(value.dtype.kind, 0)
    return np.full((1, *value.shape[1:]), missing, value.dtype)


def _prediction_log(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Return a serialized `PredictionLog` of a Predict request."""
    request = _field(_MODEL_SPEC, _field(_SIGNATURE_NAME, signature.encode()))
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor))
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    """Return a field of bytes, text or message in the wire format of protobuf."""
    size, rest = b"", len(content)
    while rest > 127:
        size, rest = size + bytes([rest & 127 | 128]), rest >> 7
    return bytes([number << 3 | 2]) + size + bytes([rest]) + content
