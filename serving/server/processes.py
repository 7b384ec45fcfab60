"""A server of several processes: the kernel shares connections out among those of one port.

Most of a small request is Python, of which a process runs one thread at a time; `peers` has what
they must agree on. This process starts the others and waits: if one ends, all end.
"""

import contextlib
import dataclasses
import logging
import multiprocessing
import multiprocessing.connection
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator

from serving.server.errors import port_taken
from serving.server.options import ServerOptions
from serving.server.peers import Seat
from serving.server.start import start

_LOG = logging.getLogger(__name__)


def run(options: ServerOptions) -> int:
    """Serves until SIGTERM or SIGINT, then lets running requests finish.

    Args:
        options: what the flags of the command line say; `processes` is more than 1.

    Returns:
        The exit status: 0, or 255 if a process ended unasked.

    Raises:
        StatusError: a port is taken.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # TensorFlow does not survive a fork.
    context = multiprocessing.get_context("spawn")
    loaded = context.Barrier(options.processes)
    with tempfile.TemporaryDirectory(prefix="model-server-") as folder, _reserved(options):
        addresses = tuple(os.path.join(folder, str(number)) for number in range(options.processes))
        key = secrets.token_bytes(32)
        seats = [Seat(number, addresses, key, loaded) for number in range(options.processes)]
        workers = [context.Process(target=_work, args=(_shared(options), seat)) for seat in seats]
        try:
            for worker in workers:
                worker.start()
            multiprocessing.connection.wait([worker.sentinel for worker in workers])
            _LOG.error("A process of the server ended; so does the server.")
            return 255
        except KeyboardInterrupt:
            return 0
        finally:
            started = [worker for worker in workers if worker.pid is not None]
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.join()


def _shared(options: ServerOptions) -> ServerOptions:
    """Gives each process its share of the cores, unless the flags say how many threads it has."""
    if options.tensorflow_session_parallelism or options.tensorflow_intra_op_parallelism:
        return options
    share = max((os.cpu_count() or 1) // options.processes, 1)
    return dataclasses.replace(options, tensorflow_intra_op_parallelism=share)


def _work(options: ServerOptions, seat: Seat) -> None:
    """Is one of the processes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(start(options, seat))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def _reserved(options: ServerOptions) -> Iterator[None]:
    """Keeps the ports from other programs: those that share a port do not see that it is taken."""
    flags = {"--port": options.port, "--rest_api_port": options.rest_api_port}
    with contextlib.ExitStack() as stack:
        for flag, port in flags.items():
            if not port:
                continue
            try:
                socket.create_server(("", port)).close()
                held = stack.enter_context(socket.socket())
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                held.bind(("", port))
            except OSError as error:
                raise port_taken(f"0.0.0.0:{port}", flag) from error
        yield
