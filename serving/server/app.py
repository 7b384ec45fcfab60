"""The server as a whole: load, listen, serve, drain."""

import gc
import logging
import os
import signal
import threading

import tensorflow as tf

from serving.server import flags, model_config
from serving.server.checks import check_options
from serving.server.errors import StatusError
from serving.server.grpc_server import GrpcServer
from serving.server.handlers import Handlers
from serving.server.loading import Loader
from serving.server.manager import Manager
from serving.server.model_config import ModelServerConfig
from serving.server.options import ServerOptions
from serving.server.peers import Seat
from serving.server.protos import read_text_proto
from serving.server.registry import Models
from serving.server.request_log import RequestLog
from serving.server.rest import app as rest
from serving.server.shared_handlers import SharedHandlers

# Kubernetes kills a pod 30 s after SIGTERM unless told otherwise.
DRAIN_SECONDS = 25
_SIGNAL_SECONDS = 0.5

_LOG = logging.getLogger(__name__)


def run(options: ServerOptions, seat: Seat | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then lets running requests finish.

    Args:
        options: what the flags of the command line say.
        seat: the place among the processes of the server, if there are others.

    Raises:
        StatusError: the server cannot start.
    """
    check_options(options)
    config = model_config.from_options(options)
    for name in flags.unused(options):
        _LOG.warning("--%s has no effect in this server.", name)
    tf.get_logger().setLevel(logging.ERROR)
    # The collector runs at every unload and holds all requests up meanwhile: it need not look
    # through all that TensorFlow's import made, which stays.
    gc.collect()
    gc.freeze()
    manager = Manager(options, Loader(options))
    request_log = RequestLog()
    models = Models(manager, options, request_log)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        manager.start()
        models.reload(config)
        manager.settle()
        if seat is None:
            handlers = Handlers(models, options, request_log)
        else:
            handlers = SharedHandlers(models, options, request_log, seat)
            seat.loaded.wait()
        _serve(handlers, options, config)
    except KeyboardInterrupt:
        pass
    finally:
        manager.stop()
        request_log.close()
    if models.in_flight():
        _LOG.warning("Some requests did not finish; they are dropped.")
        # Python would wait for their threads.
        os._exit(0)


def _serve(handlers: Handlers, options: ServerOptions, config: ModelServerConfig) -> None:
    """Listens until the process is told to stop, then drains."""
    server = GrpcServer(handlers, options)
    rest_server = _start_rest(handlers, options)
    server.start()
    _LOG.info("Listening on %s.", options.port or options.grpc_socket_path)
    stopping = threading.Event()
    if options.model_config_file and options.model_config_file_poll_wait_seconds > 0:
        threading.Thread(
            target=_poll_config,
            args=(handlers.models, options, config, stopping),
            name="model config",
            daemon=True,
        ).start()
    try:
        # The kernel may give a signal to another thread; Python acts on it when this one wakes.
        while not stopping.wait(_SIGNAL_SECONDS):
            pass
    finally:
        stopping.set()
        _LOG.info("Stopping; running requests get %d s to finish.", DRAIN_SECONDS)
        stopped = server.stop(DRAIN_SECONDS)
        if rest_server is not None:
            rest_server.stop(DRAIN_SECONDS)
        stopped.wait()


def _start_rest(handlers: Handlers, options: ServerOptions) -> rest.RestServer | None:
    if not options.rest_api_port:
        return None
    if options.rest_api_port == options.port:
        _LOG.error(
            "--rest_api_port cannot be same as --port. Please use a different port for HTTP/REST "
            "API. Skipped exporting HTTP/REST API."
        )
        return None
    return rest.start(handlers, options)


def _poll_config(
    models: Models, options: ServerOptions, applied: ModelServerConfig, stopping: threading.Event
) -> None:
    """Puts every change of the config file in place; one that is wrong leaves the old in place."""
    while not stopping.wait(options.model_config_file_poll_wait_seconds):
        try:
            config = read_text_proto(options.model_config_file, ModelServerConfig)
        except StatusError as error:
            _LOG.error("Failed to read ModelServerConfig file: %s", error.message)
            continue
        if config == applied:
            continue
        try:
            models.reload(config, wait=False)
            applied = config
        except StatusError as error:
            _LOG.error("PollFilesystemAndReloadConfig failed to ReloadConfig: %s", error.message)
