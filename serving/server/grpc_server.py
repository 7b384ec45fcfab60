"""The RPCs on the wire.

A pool of threads, because it answers more requests than asyncio does, and each costs less of the
processor: `python -m benchmarks.serving_fronts` compares them. Most of a small request is gRPC in
Python, which a handler that does nothing pays as well.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from serving.server import metrics, profiler
from serving.server.errors import StatusError, from_exception, invalid_argument, port_taken
from serving.server.handlers import Handlers
from serving.server.options import ServerOptions
from serving.server.protos import SSLConfig, read_text_proto

#: TF Serving's health service knows them by these names, not by their full ones.
HEALTH_SERVICES = ("ModelService", "PredictionService")
# Each waiting request keeps its message in memory; beyond these gRPC answers RESOURCE_EXHAUSTED.
_MAX_WAITING = 2000

_LOG = logging.getLogger(__name__)
_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


class GrpcServer:
    """A gRPC server that answers by `handlers`.

    Args:
        handlers: what answers the requests.
        options: what the flags say.

    Raises:
        StatusError: the port is taken, or a flag or file is wrong.
    """

    def __init__(self, handlers: Handlers, options: ServerOptions) -> None:
        self._server = grpc.server(
            futures.ThreadPoolExecutor(options.grpc_max_threads, thread_name_prefix="rpc"),
            options=_channel_arguments(options),
            maximum_concurrent_rpcs=options.grpc_max_threads + _MAX_WAITING,
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _PredictionService(handlers), self._server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            _ModelService(handlers), self._server
        )
        services = [
            prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"].full_name,
            model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
            reflection.SERVICE_NAME,
        ]
        self._health = health.HealthServicer(experimental_non_blocking=True)
        if options.enable_grpc_healthcheck_service:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
            services.append(health.SERVICE_NAME)
            for name in HEALTH_SERVICES:
                self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        if options.enable_profiler:
            self._server.add_generic_rpc_handlers((_profiler_methods(),))
        reflection.enable_server_reflection(services, self._server)
        self._bind(options)

    def start(self) -> None:
        """Opens the port."""
        self._server.start()

    def stop(self, seconds: float) -> threading.Event:
        """Refuses new requests at once, and lets the running ones finish.

        Args:
            seconds: how long they have at most.

        Returns:
            What is set when the last one is through.
        """
        self._health.enter_graceful_shutdown()
        return self._server.stop(seconds)

    def _bind(self, options: ServerOptions) -> None:
        credentials = _credentials(options)
        addresses = [f"0.0.0.0:{options.port}"] if options.port else []
        addresses += [f"unix:{options.grpc_socket_path}"] if options.grpc_socket_path else []
        for address in addresses:
            try:
                if credentials is None:
                    self._server.add_insecure_port(address)
                else:
                    self._server.add_secure_port(address, credentials)
            except RuntimeError as error:
                what = (
                    "--port" if options.ssl_config_file == "" else "--port, or mend the PEM texts"
                )
                raise port_taken(address, what) from error


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, handlers: Handlers) -> None:
        self.Predict = _counted("Predict", handlers.predict)
        self.Classify = _counted("Classify", handlers.classify)
        self.Regress = _counted("Regress", handlers.regress)
        self.MultiInference = _counted("MultiInference", handlers.multi_inference)
        self.GetModelMetadata = _rpc(handlers.get_model_metadata)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, handlers: Handlers) -> None:
        self.GetModelStatus = _rpc(handlers.get_model_status)
        self.HandleReloadConfigRequest = _rpc(handlers.reload_config)


def _rpc(
    handler: Callable[[_Request, float | None], _Response],
    count: Callable[[_Request, StatusError | None, float], None] | None = None,
) -> Callable[[_Request, grpc.ServicerContext], _Response]:
    def answer(request: _Request, context: grpc.ServicerContext) -> _Response:
        start = time.perf_counter()
        failure = None
        try:
            response = handler(request, context.time_remaining())
        except StatusError as error:
            failure = error
        except Exception as error:
            _LOG.exception("Request failed in an unexpected way.")
            failure = StatusError(grpc.StatusCode.INTERNAL, from_exception(error).message)
        if count is not None:
            count(request, failure, start)
        if failure is not None:
            return context.abort(failure.code, failure.message)
        return response

    return answer


def _counted(
    api: str, handler: Callable[[_Request, float | None], _Response]
) -> Callable[[_Request, grpc.ServicerContext], _Response]:
    def count(request: _Request, failure: StatusError | None, start: float) -> None:
        tasks = request.tasks if api == "MultiInference" else [request]
        name = tasks[0].model_spec.name if tasks else ""
        if failure is None:
            micros = (time.perf_counter() - start) * 1e6
            metrics.REQUEST_LATENCY.observe(micros, name, api, "GRPC")
        metrics.REQUEST_COUNT.increment(name, failure.code.name if failure else "OK")

    return _rpc(handler, count)


def _profiler_methods() -> grpc.GenericRpcHandler:
    own = profiler.Profiler()
    methods = {
        "Profile": (own.profile, profiler.ProfileRequest),
        "Terminate": (own.terminate, profiler.TerminateRequest),
        "Monitor": (own.monitor, profiler.MonitorRequest),
    }
    return grpc.method_handlers_generic_handler(
        profiler.SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(
                _rpc(method),
                request_deserializer=request.FromString,
                response_serializer=lambda response: response.SerializeToString(),
            )
            for name, (method, request) in methods.items()
        },
    )


def _channel_arguments(options: ServerOptions) -> list[tuple[str, int | str]]:
    arguments: dict[str, int | str] = {
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
        # Two servers on one port would each get a share of the requests, unnoticed; the processes
        # of one server are to.
        "grpc.so_reuseport": int(options.processes > 1),
    }
    for argument in filter(None, options.grpc_channel_arguments.split(",")):
        key, equals, value = argument.partition("=")
        if not equals:
            raise invalid_argument(
                f"--grpc_channel_arguments takes key=value with commas between; {argument} has no ="
            )
        try:
            arguments[key] = int(value)
        except ValueError:
            arguments[key] = value
    return list(arguments.items())


def _credentials(options: ServerOptions) -> grpc.ServerCredentials | None:
    if not options.ssl_config_file:
        return None
    config = read_text_proto(options.ssl_config_file, SSLConfig)
    if config.client_verify and not config.custom_ca:
        raise invalid_argument(
            f"{options.ssl_config_file} has client_verify without custom_ca; give the certificates "
            "that clients are verified by"
        )
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
