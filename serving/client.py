"""A client for the embedded model server and for official TF Serving, over gRPC.

    with ServingClient("localhost:8500", model="movies") as client:
        for item_id, score in client.recommend(["user 42"], k=5).for_user(0):
            print(item_id, score)

Importing this module imports all of TensorFlow, which takes seconds: the messages of TF Serving's
API are built from modules inside the `tensorflow` package. No TensorFlow op is run.
"""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

import grpc
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving import tensors
from serving.answers import Recommendations, Signature, TensorSpec, VersionStatus, describe
from serving.connection import Connection, ServingError

__all__ = [
    "Recommendations",
    "ServingClient",
    "ServingError",
    "Signature",
    "TensorSpec",
    "VersionStatus",
]

_RECOMMEND = "recommend"
# TensorFlow lists the op that fills lookup tables among the signatures.
_INIT_OP = "__saved_model_init_op"
_decode = np.frompyfunc(bytes.decode, 1, 1)


class ServingClient:
    """Calls one model of a TF Serving compatible server; safe to share between threads.

    Args:
        address: `host:port`, or `unix:/path`.
        model: the model's name on the server.
        timeout: seconds a call may take, its retries included.
        retries: how often to try again when the server is unavailable; other errors are not
            retried.
        credentials: channel credentials for TLS; without them the channel is not encrypted.

    Example:
        >>> with ServingClient("localhost:8500", model="movies", timeout=2.0) as client:
        ...     client.model
        'movies'
    """

    def __init__(
        self,
        address: str = "localhost:8500",
        *,
        model: str = "default",
        timeout: float = 10.0,
        retries: int = 4,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self.model = model
        self._connection = Connection(address, timeout, retries, credentials)
        channel = self._connection.channel
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._model_service = model_service_pb2_grpc.ModelServiceStub(channel)
        # The version that described `recommend`, and the inputs it takes.
        self._recommend_inputs: tuple[int, frozenset[str]] | None = None

    def __enter__(self) -> "ServingClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel; calls under way are cancelled."""
        self._connection.channel.close()

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Waits for the server to listen and to have a version of the model available.

        Args:
            timeout: seconds to wait.

        Raises:
            ServingError: none was available in time.
        """
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec())
        deadline = time.monotonic() + timeout
        while True:
            left = max(deadline - time.monotonic(), 0)
            try:
                response = self._model_service.GetModelStatus(request, left, wait_for_ready=True)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND or not left:
                    raise self._connection.error(error, self._what("Status"), timeout) from error
            else:
                if any(v.state == v.AVAILABLE for v in response.model_version_status):
                    return
            time.sleep(0.1)

    def predict(
        self,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        signature_name: str = "",
        version: int | None = None,
        outputs: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Runs one signature of the model.

        Args:
            inputs: a value for each input. Arrays keep their dtype; Python floats become float32
                and Python integers int32, as everywhere in TensorFlow.
            signature_name: the signature; `serving_default` if empty.
            version: the model version; the highest available one by default.
            outputs: names of the outputs to compute; all by default.

        Returns:
            The outputs by name. Strings come as object arrays of bytes.

        Raises:
            ServingError: the server refused the request or could not be reached.
        """
        return _arrays(self._predict(inputs, signature_name, version, outputs))

    def metadata(self, *, version: int | None = None) -> dict[str, Signature]:
        """Describes the signatures of the model.

        Args:
            version: the model version; the highest available one by default.

        Returns:
            The signatures by name.

        Raises:
            ServingError: the server refused the request or could not be reached.
        """
        return self._metadata(version)[1]

    def status(self, *, version: int | None = None) -> list[VersionStatus]:
        """Lists the versions of the model and their states, the highest version first.

        Args:
            version: only this version; all by default.

        Raises:
            ServingError: the model or version is unknown, or the server could not be reached.
        """
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=self._spec(version))
        response = self._connection.call(
            self._model_service.GetModelStatus, request, self._what("Status")
        )
        return [
            VersionStatus(v.version, v.State.Name(v.state), v.status.error_message)
            for v in sorted(response.model_version_status, key=lambda v: -v.version)
        ]

    def recommend(
        self,
        user_ids: Sequence[str] | np.ndarray,
        k: int = 10,
        exclude_seen: bool = True,
        history: Sequence[Sequence[str]] | None = None,
        candidates: Sequence[Sequence[str]] | None = None,
        context: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Recommendations:
        """Ranks items for users through the model's signature `recommend`.

        What is None is not sent, so that the model's default applies, and neither is `k`,
        `exclude_seen` or `history` if the signature has no such input.

        Args:
            user_ids: raw user ids [batch].
            k: how many items to return for each user.
            exclude_seen: leave out what the user has already seen.
            history: for each user the raw ids of the latest items, oldest first; shorter rows are
                filled up with "".
            candidates: for each user the raw ids of the items to rank; the whole catalogue by
                default.
            context: values of other inputs of the signature by name, one row for each user.

        Returns:
            The best items of each user.

        Raises:
            ServingError: the server refused the request or could not be reached.
            ValueError: `history` or `candidates` is not one list for each user, or the model
                takes no `candidates` or no such `context`.
        """
        users = np.atleast_1d(np.asarray(user_ids))
        values = {
            "user_id": _text(users),
            "k": np.int32(k),
            "exclude_seen": np.bool_(exclude_seen),
            "history": _padded("history", history, len(users)),
            "candidates": _padded("candidates", candidates, len(users)),
        }
        given: dict[str, npt.ArrayLike] = {
            name: value for name, value in values.items() if value is not None
        }
        given.update(context or {})
        described, known = self._recommend_inputs or self._describe_recommend()
        try:
            response = self._recommend(given, known)
        except ServingError as error:
            if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            # A newer version may take other inputs than the one that described them.
            described, current = self._describe_recommend()
            if current == known:
                raise
            response = self._recommend(given, current)
        version = response.model_spec.version.value
        if version != described:
            self._recommend_inputs = None
        answer = _arrays(response)
        return Recommendations(_decode(answer["item_id"][:, :k]), answer["score"][:, :k], version)

    def _recommend(
        self, given: Mapping[str, npt.ArrayLike], known: frozenset[str]
    ) -> predict_pb2.PredictResponse:
        # Without these the answer would not be the one that was asked for.
        essential = given.keys() - {"user_id", "k", "exclude_seen", "history"}
        if known and not essential <= known:
            raise ValueError(
                f"The signature `{_RECOMMEND}` of model {self.model} has no input "
                f"{', '.join(sorted(essential - known))}; it takes {', '.join(sorted(known))}."
            )
        sent = {name: value for name, value in given.items() if name in known}
        return self._predict(sent, _RECOMMEND, None, ())

    def _describe_recommend(self) -> tuple[int, frozenset[str]]:
        version, signatures = self._metadata(None)
        # Without the signature the request itself gets the server's clear refusal.
        signature = signatures.get(_RECOMMEND, Signature({}, {}))
        self._recommend_inputs = version, frozenset(signature.inputs)
        return self._recommend_inputs

    def _predict(
        self,
        inputs: Mapping[str, npt.ArrayLike],
        signature_name: str,
        version: int | None,
        outputs: Sequence[str],
    ) -> predict_pb2.PredictResponse:
        request = predict_pb2.PredictRequest(
            model_spec=self._spec(version, signature_name),
            inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
            output_filter=outputs,
        )
        return self._connection.call(self._prediction.Predict, request, self._what("Predict"))

    def _metadata(self, version: int | None) -> tuple[int, dict[str, Signature]]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=self._spec(version), metadata_field=["signature_def"]
        )
        response = self._connection.call(
            self._prediction.GetModelMetadata, request, self._what("Metadata")
        )
        packed = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(packed)
        signatures = {
            name: describe(definition)
            for name, definition in sorted(packed.signature_def.items())
            if name != _INIT_OP
        }
        return response.model_spec.version.value, signatures

    def _spec(self, version: int | None = None, signature_name: str = "") -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self.model, signature_name=signature_name)
        if version is not None:
            spec.version.value = version
        return spec

    def _what(self, call: str) -> str:
        return f"{call} of model {self.model}"


def _arrays(response: predict_pb2.PredictResponse) -> dict[str, np.ndarray]:
    return {name: tensors.from_proto(proto) for name, proto in response.outputs.items()}


def _text(ids: np.ndarray) -> np.ndarray:
    """Raw ids as strings: integer ids are written out."""
    return ids.astype(str) if ids.dtype.kind in "iu" else ids.astype(object)


def _padded(name: str, rows: Sequence[Sequence[str]] | None, users: int) -> np.ndarray | None:
    """Rows of item ids as one array, filled up with ""."""
    if rows is None:
        return None
    if len(rows) != users or any(isinstance(row, (str, bytes)) for row in rows):
        raise ValueError(
            f"`{name}` must be a list of {users} lists of item ids, one for each user; "
            f"got {len(rows)} of {type(rows[0]).__name__ if len(rows) else 'none'}."
        )
    padded = np.full((users, max(map(len, rows), default=0)), "", object)
    for row, items in enumerate(rows):
        padded[row, : len(items)] = _text(np.asarray(items))
    return padded
