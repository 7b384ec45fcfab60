"""Calls over gRPC."""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio
import numpy as np
import tensorflow as tf
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    input_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving import tensors
from serving.client.answers import VersionStatus, describe
from serving.client.calls import Call, Prediction, ServingError, Tls, failure

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that restarts is found again within a second, not after gRPC's two minutes; as long
    # may a connection take, with its TLS handshake.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class Grpc:
    """A channel that blocks.

    Args:
        address: `host:port`, or `unix:/path`.
        tls: files for an encrypted channel; without them it is not.
    """

    def __init__(self, address: str, tls: Tls | None) -> None:
        self.address = address
        self._credentials = None if tls is None else _credentials(tls)

    @functools.cached_property
    def _channel(self) -> grpc.Channel:
        channel = self._open(grpc)
        if self._credentials is not None:
            # Calls that fail at once leave nobody to read what the server says in a handshake, so
            # that one which restarts is not found again. A subscription has a thread that reads.
            channel.subscribe(lambda _: None)
        return channel

    def _open(self, api: Any) -> Any:
        if self._credentials is None:
            return api.insecure_channel(self.address, _OPTIONS)
        return api.secure_channel(self.address, self._credentials, _OPTIONS)

    @functools.cached_property
    def _methods(self) -> dict[str, Any]:
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        model = model_service_pb2_grpc.ModelServiceStub(self._channel)
        return {
            "Predict": prediction.Predict,
            "Classify": prediction.Classify,
            "Regress": prediction.Regress,
            "Metadata": prediction.GetModelMetadata,
            "Status": model.GetModelStatus,
        }

    def send(self, call: Call, timeout: float, given: float) -> Any:
        """Sends a call.

        Args:
            call: the call.
            timeout: the seconds that are left.
            given: the seconds that it was given at first, for messages.

        Raises:
            ServingError: it was not answered.
        """
        method = self._methods[call.method]
        try:
            return _read(call, method(_request(call), timeout=timeout, wait_for_ready=call.wait))
        except grpc.RpcError as error:
            raise self._failure(call, given, error) from error

    def _failure(self, call: Call, given: float, error: Any) -> ServingError:
        pushback = dict(error.trailing_metadata() or ()).get("grpc-retry-pushback-ms", "")
        retry_after = int(pushback) / 1000 if pushback.isdecimal() else None
        details = error.details()
        return failure(call, self.address, given, error.code(), details, retry_after)

    def close(self) -> None:
        """Closes the channel; calls under way are cancelled."""
        self._channel.close()


class AsyncGrpc(Grpc):
    """A channel for asyncio."""

    @functools.cached_property
    def _channel(self) -> grpc.aio.Channel:  # type: ignore[override]
        return self._open(grpc.aio)

    async def send(self, call: Call, timeout: float, given: float) -> Any:
        """As `Grpc.send`."""
        method = self._methods[call.method]
        try:
            answer = await method(_request(call), timeout=timeout, wait_for_ready=call.wait)
        except grpc.RpcError as error:
            raise self._failure(call, given, error) from error
        return _read(call, answer)

    async def close(self) -> None:  # type: ignore[override]
        """As `Grpc.close`."""
        await self._channel.close()


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    files = (tls.ca, tls.key, tls.certificate)
    return grpc.ssl_channel_credentials(
        *(None if file is None else pathlib.Path(file).read_bytes() for file in files)
    )


def _request(call: Call) -> Message:
    spec = model_pb2.ModelSpec(name=call.model, signature_name=call.signature)
    if isinstance(call.version, str):
        spec.version_label = call.version
    elif call.version is not None:
        spec.version.value = call.version
    if call.method == "Predict":
        inputs = {name: tf.make_tensor_proto(value) for name, value in call.inputs.items()}
        return predict_pb2.PredictRequest(
            model_spec=spec, inputs=inputs, output_filter=call.outputs
        )
    if call.method == "Metadata":
        return get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=["signature_def"]
        )
    if call.method == "Status":
        return get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
    message = input_pb2.Input()
    examples = [_example(features) for features in call.examples]
    if call.context is None:
        message.example_list.examples.extend(examples)
    else:
        message.example_list_with_context.examples.extend(examples)
        message.example_list_with_context.context.CopyFrom(_example(call.context))
    kind = (
        classification_pb2.ClassificationRequest
        if call.method == "Classify"
        else regression_pb2.RegressionRequest
    )
    return kind(model_spec=spec, input=message)


def _example(features: Mapping[str, Any]) -> tf.train.Example:
    example = tf.train.Example()
    for name, value in features.items():
        feature, values = example.features.feature[name], np.atleast_1d(np.asarray(value))
        if values.dtype.kind in "iub":
            feature.int64_list.value.extend(values.tolist())
        elif values.dtype.kind == "f":
            feature.float_list.value.extend(values.tolist())
        else:
            texts = np.atleast_1d(np.asarray(value, object)).tolist()
            feature.bytes_list.value.extend(tf.compat.as_bytes(text) for text in texts)
    return example


def _read(call: Call, answer: Any) -> Any:
    if call.method == "Predict":
        outputs = {name: tensors.from_proto(proto) for name, proto in answer.outputs.items()}
        return Prediction(outputs, answer.model_spec.version.value)
    if call.method == "Classify":
        return [[(c.label, c.score) for c in row.classes] for row in answer.result.classifications]
    if call.method == "Regress":
        return np.array([row.value for row in answer.result.regressions], np.float32)
    if call.method == "Metadata":
        packed = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(packed)
        return answer.model_spec.version.value, describe(packed)
    return [
        VersionStatus(v.version, v.State.Name(v.state), v.status.error_message)
        for v in sorted(answer.model_version_status, key=lambda v: -v.version)
    ]
