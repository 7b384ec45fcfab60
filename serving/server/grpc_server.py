"""The RPCs on the wire."""

import logging
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.server.errors import StatusError
from serving.server.handlers import Handlers
from serving.server.options import ServerOptions

_LOG = logging.getLogger(__name__)
_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


def build_server(handlers: Handlers, options: ServerOptions) -> grpc.Server:
    """Makes a gRPC server that answers by `handlers`; `start()` opens its port.

    Args:
        handlers: what answers the requests.
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
        _PredictionService(handlers), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(handlers), server)
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
    def __init__(self, handlers: Handlers) -> None:
        self.Predict = _rpc(handlers.predict)
        self.Classify = _rpc(handlers.classify)
        self.Regress = _rpc(handlers.regress)
        self.MultiInference = _rpc(handlers.multi_inference)
        self.GetModelMetadata = _rpc(handlers.get_model_metadata)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, handlers: Handlers) -> None:
        self.GetModelStatus = _rpc(handlers.get_model_status)
        self.HandleReloadConfigRequest = _rpc(handlers.reload_config)


def _rpc(
    handler: Callable[[_Request, float | None], _Response],
) -> Callable[[_Request, grpc.ServicerContext], _Response]:
    def answer(request: _Request, context: grpc.ServicerContext) -> _Response:
        try:
            return handler(request, context.time_remaining())
        except StatusError as error:
            status = error
        except Exception as error:
            _LOG.exception("Request failed in an unexpected way.")
            status = StatusError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
        return context.abort(status.code, status.message)

    return answer
