"""What the REST API answers, free of the HTTP server in front of it."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server import metrics
from serving.server.errors import StatusError, failed_precondition, from_exception, invalid_argument
from serving.server.handlers import Handlers
from serving.server.rest import responses
from serving.server.rest.requests import read_examples, read_predict
from serving.server.rest.routes import Route, read_route
from serving.server.signature import DEFAULT_SIGNATURE

_HTTP_STATUS = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_LOG = logging.getLogger(__name__)


class Answer(NamedTuple):
    """An HTTP response.

    Args:
        status: the number of the status.
        headers: the headers that are its own.
        body: the bytes of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Api:
    """The paths under `/v1/`.

    Args:
        handlers: what answers the requests; its options give the time limit and CORS.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        options = handlers.options
        self._headers = {"Content-Type": "application/json"}
        if options.rest_api_enable_cors_support:
            self._headers |= _CORS
        self._limit = options.rest_api_timeout_in_ms / 1000
        self._actions: dict[str, Callable[[Route, bytes, float | None], bytes]] = {
            "predict": self._predict,
            "classify": self._classify,
            "regress": self._regress,
            "metadata": self._metadata,
            "status": self._status,
        }

    def answer(self, verb: str, path: str, body: bytes, arrived: float) -> Answer:
        """Answers a request; every failure is an answer too.

        Args:
            verb: the HTTP method.
            path: the path as it was sent, with its query.
            body: the body, not compressed.
            arrived: when the request came, by `time.perf_counter`.

        Returns:
            The response.
        """
        name = action = ""
        status = None
        try:
            route = read_route(verb, path)
            name, action = route.spec.name, route.action
            deadline = self._limit - (time.perf_counter() - arrived) if self._limit > 0 else None
            text = self._actions[action](route, body, deadline)
        except StatusError as error:
            status = error
        except Exception as error:
            _LOG.exception("Request failed in an unexpected way.")
            status = StatusError(grpc.StatusCode.INTERNAL, from_exception(error).message)
        if name:
            metrics.REQUEST_COUNT.increment(name, status.code.name if status else "OK")
        if status is not None:
            return self.refuse(status)
        if verb == "POST":
            micros = (time.perf_counter() - arrived) * 1e6
            metrics.REQUEST_LATENCY.observe(micros, name, action, "REST")
        return Answer(200, self._headers, text)

    def preflight(self, origin: str) -> Answer:
        """Answers an `OPTIONS` request, by which a browser asks whether it may call.

        Args:
            origin: the header of this name.
        """
        if "http://" in origin or "https://" in origin:
            return Answer(200, self._headers, b"")
        return self.refuse(failed_precondition("Origin header is missing in CORS preflight"))

    def refuse(self, error: StatusError) -> Answer:
        """The answer that tells an error."""
        return Answer(_HTTP_STATUS[error.code], self._headers, responses.write_error(error.message))

    def _predict(self, route: Route, body: bytes, deadline: float | None) -> bytes:
        request = predict_pb2.PredictRequest(model_spec=route.spec)
        in_rows = read_predict(body, request, lambda name: self._input_types(route.spec, name))
        outputs = self._handlers.predict(request, deadline).outputs
        write = responses.write_predictions if in_rows else responses.write_outputs
        return write(outputs)

    def _classify(self, route: Route, body: bytes, deadline: float | None) -> bytes:
        request = classification_pb2.ClassificationRequest(model_spec=route.spec)
        read_examples(body, request)
        response = self._handlers.classify(request, deadline)
        return responses.write_classifications(response.result)

    def _regress(self, route: Route, body: bytes, deadline: float | None) -> bytes:
        request = regression_pb2.RegressionRequest(model_spec=route.spec)
        read_examples(body, request)
        response = self._handlers.regress(request, deadline)
        return responses.write_regressions(response.result)

    def _metadata(self, route: Route, body: bytes, deadline: float | None) -> bytes:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=route.spec, metadata_field=["signature_def"]
        )
        return responses.write_metadata(self._handlers.get_model_metadata(request, deadline))

    def _status(self, route: Route, body: bytes, deadline: float | None) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=route.spec)
        return responses.write_status(self._handlers.get_model_status(request, deadline))

    def _input_types(self, spec: model_pb2.ModelSpec, name: str) -> Mapping[str, int]:
        name = name or DEFAULT_SIGNATURE
        with self._handlers.models.use(spec) as version:
            signature = version.servable.signatures.get(name)
        if signature is None:
            raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
        return signature.input_types
