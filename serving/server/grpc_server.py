"""The RPCs on the wire."""

import logging
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.server.errors import StatusError
from serving.server.flags import ServerOptions
from serving.server.metadata import get_model_metadata
from serving.server.predict import predict
from serving.server.registry import Models
from serving.server.status import get_model_status

_LOG = logging.getLogger(__name__)
_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


def build_server(models: Models, options: ServerOptions) -> grpc.Server:
    """Makes a gRPC server that answers for `models`; `start()` opens its port.

    Args:
        models: the models of the server.
        options: port, socket and number of threads.

    Returns:
        A server bound to its port, not started.

    Raises:
        StatusError: there is nothing to listen on, or it is taken.
    """
    server = grpc.server(
        futures.ThreadPoolExecutor(options.grpc_max_threads, thread_name_prefix="rpc"),
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            # Two servers on one port would each get a share of the requests, unnoticed.
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _PredictionService(models), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(models), server)
    addresses = [f"0.0.0.0:{options.port}"] if options.port else []
    addresses += [f"unix:{options.grpc_socket_path}"] if options.grpc_socket_path else []
    if not addresses:
        raise StatusError(
            grpc.StatusCode.INVALID_ARGUMENT,
            "there is nothing to listen on; give --port or --grpc_socket_path",
        )
    for address in addresses:
        try:
            server.add_insecure_port(address)
        except RuntimeError as error:
            raise StatusError(
                grpc.StatusCode.UNAVAILABLE,
                f"cannot listen on {address}, another process may; choose another --port",
            ) from error
    return server


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models: Models) -> None:
        self._models = models

    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        return _answer(predict, self._models, request, context)

    def GetModelMetadata(  # noqa: N802
        self,
        request: get_model_metadata_pb2.GetModelMetadataRequest,
        context: grpc.ServicerContext,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        return _answer(get_model_metadata, self._models, request, context)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, models: Models) -> None:
        self._models = models

    def GetModelStatus(  # noqa: N802
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        return _answer(get_model_status, self._models, request, context)


def _answer(
    handler: Callable[[Models, _Request], _Response],
    models: Models,
    request: _Request,
    context: grpc.ServicerContext,
) -> _Response:
    try:
        return handler(models, request)
    except StatusError as error:
        status = error
    except Exception as error:
        _LOG.exception("Request failed in an unexpected way.")
        status = StatusError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
    return context.abort(status.code, status.message)
