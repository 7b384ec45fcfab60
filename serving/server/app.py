"""The server as a whole: load, listen, serve, drain."""

import logging
import os
import signal
import threading

import tensorflow as tf

from serving.server.errors import invalid_argument
from serving.server.grpc_server import build_server
from serving.server.handlers import Handlers
from serving.server.lifecycle import Model
from serving.server.options import ServerOptions
from serving.server.registry import Models

# Kubernetes kills a pod 30 s after SIGTERM unless told otherwise.
DRAIN_SECONDS = 25

_LOG = logging.getLogger(__name__)


def run(options: ServerOptions) -> None:
    """Serves one model until SIGTERM or SIGINT, then lets running requests finish.

    Args:
        options: what the flags of the command line say.

    Raises:
        StatusError: the server cannot start.
    """
    _check(options)
    tf.get_logger().setLevel(logging.ERROR)
    model = Model(options.model_name, options.model_base_path, options)
    models = Models([model])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        model.start()
        model.wait_until_available()
        server = build_server(Handlers(models, options), options)
        server.start()
        _LOG.info("Listening on %s.", options.port or options.grpc_socket_path)
        try:
            threading.Event().wait()
        finally:
            stopped = server.stop(DRAIN_SECONDS)  # from here on new requests are refused
            _LOG.info("Stopping; running requests get %d s to finish.", DRAIN_SECONDS)
            stopped.wait()
    except KeyboardInterrupt:
        model.stop()
    if any(version.in_flight for version in model.versions()):
        _LOG.warning("Some requests did not finish; they are dropped.")
        # Python would wait for their threads.
        os._exit(0)


def _check(options: ServerOptions) -> None:
    path = options.model_base_path
    if not path:
        raise invalid_argument(
            "Both server_options.model_base_path and server_options.model_config_file are empty!"
        )
    if not os.path.isabs(path) and "://" not in path:
        raise invalid_argument(
            f"Expected model {options.model_name} to have an absolute path or URI; "
            f"got base_path()={path}"
        )
