"""The HTTP server of the REST API."""

import asyncio
import logging
import socket
import threading
import time
import zlib
from concurrent import futures
from http import HTTPStatus

import grpc
from aiohttp import web

from serving.server import metrics
from serving.server.errors import StatusError
from serving.server.handlers import Handlers
from serving.server.options import ServerOptions
from serving.server.protos import MonitoringConfig, read_text_proto
from serving.server.rest.api import Answer, Api
from serving.server.rest.routes import is_api

# A compressed body of more bytes than this counts as damaged, and so as empty.
_MAX_UNCOMPRESSED_BYTES = 100 << 20
# What gRPC messages are limited to, too.
_MAX_BODY_BYTES = 2**31 - 1
# Each waiting request keeps its body in memory; beyond these more are refused.
_MAX_WAITING = 2000
_MAX_HEADER_BYTES = 64 << 10
_LAST_SECONDS = 0.1
_GZIP = 16 + zlib.MAX_WBITS

_LOG = logging.getLogger(__name__)


def start(handlers: Handlers, options: ServerOptions) -> "RestServer":
    """Opens the port of the REST API.

    Args:
        handlers: what answers the requests.
        options: the port, the number of threads, and the file that says where the metrics are.

    Returns:
        The running server.

    Raises:
        StatusError: the port is taken, or the monitoring config is not one.
    """
    metrics_path = ""
    if options.monitoring_config_file:
        config = read_text_proto(options.monitoring_config_file, MonitoringConfig)
        if config.prometheus_config.enable:
            metrics_path = config.prometheus_config.path or metrics.DEFAULT_PATH
    return RestServer(handlers, options, metrics_path)


class RestServer:
    """An HTTP server, its event loop in a thread and its requests in others.

    Args:
        handlers: what answers the requests.
        options: the port and the number of threads.
        metrics_path: where the metrics are; nowhere if empty.

    Raises:
        StatusError: the port is taken.
    """

    def __init__(self, handlers: Handlers, options: ServerOptions, metrics_path: str) -> None:
        self._handlers = handlers
        self._api = Api(handlers)
        self._metrics_path = metrics_path
        self._executor = futures.ThreadPoolExecutor(options.rest_api_num_threads, "rest")
        self._capacity = options.rest_api_num_threads + _MAX_WAITING
        self._running = 0
        self._listener = _listen(options.rest_api_port, options.processes > 1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        _LOG.info("Exporting HTTP/REST API at localhost:%d.", options.rest_api_port)

    def stop(self, seconds: float) -> None:
        """Refuses new requests at once, and waits until the running ones are answered.

        Args:
            seconds: how long to wait at most.
        """
        asyncio.run_coroutine_threadsafe(self._close(seconds), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _open(self) -> None:
        # What clients do wrong is theirs to know: aiohttp would log a traceback for it.
        logger = logging.getLogger(f"{__name__}.http")
        logger.setLevel(logging.CRITICAL)
        self._http = web.Server(
            self._answer,
            request_factory=self._make_request,
            access_log=None,
            logger=logger,
            auto_decompress=False,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
        self._server = await self._loop.create_server(self._http, sock=self._listener, backlog=1024)

    async def _close(self, seconds: float) -> None:
        # asyncio forgets a connection that it accepts while it closes, and its client waits for
        # ever; so no more are accepted first, and the last ones get a moment to ask.
        self._loop.remove_reader(self._listener.fileno())
        await asyncio.sleep(_LAST_SECONDS)
        self._server.close()
        self._http.pre_shutdown()
        await self._http.shutdown(seconds)

    def _make_request(self, *parts: object) -> web.BaseRequest:
        return web.BaseRequest(*parts, self._loop, client_max_size=_MAX_BODY_BYTES)  # type: ignore

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived = time.perf_counter()
        if self._running >= self._capacity:
            return _response(self._api.refuse(_too_many(self._running)))
        self._running += 1
        try:
            return _response(await self._route(request, arrived))
        finally:
            self._running -= 1

    async def _route(self, request: web.BaseRequest, arrived: float) -> Answer:
        # A proxy sends the whole URL.
        path = request.raw_path
        path = path if path.startswith("/") else request.rel_url.raw_path_qs
        if self._metrics_path and path.partition("?")[0] == self._metrics_path:
            return await self._loop.run_in_executor(self._executor, self._write_metrics, path)
        if not is_api(path):
            return _NOT_FOUND
        if request.method == "OPTIONS":
            return self._api.preflight(request.headers.get("Origin", ""))
        try:
            body = await _read_body(request)
        except web.HTTPRequestEntityTooLarge:
            problem = f"The request's body is larger than {_MAX_BODY_BYTES} bytes; split it."
            refusal = self._api.refuse(StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, problem))
            return refusal._replace(status=413)
        return await self._loop.run_in_executor(
            self._executor, self._process, request, path, body, arrived
        )

    def _process(self, request: web.BaseRequest, path: str, body: bytes, arrived: float) -> Answer:
        if "gzip" in request.headers.get("Content-Encoding", ""):
            body = _uncompress(body)
        return self._api.answer(request.method, path, body, arrived)

    def _write_metrics(self, path: str) -> Answer:
        headers = {"Content-Type": metrics.CONTENT_TYPE}
        if path != self._metrics_path:
            problem = f"Unexpected path: {path}. Should be {self._metrics_path}"
            return Answer(400, headers, problem.encode())
        return Answer(200, headers, self._handlers.metrics_page().encode("utf-8", "replace"))


def _listen(port: int, is_shared: bool) -> socket.socket:
    """Takes a port on all addresses, of version 6 too where the machine has it."""
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    try:
        return socket.create_server(
            ("", port), family=family, dualstack_ipv6=dual, reuse_port=is_shared
        )
    except OSError as error:
        raise StatusError(
            grpc.StatusCode.UNAVAILABLE,
            f"Failed to start HTTP Server at localhost:{port}: {error.strerror}; choose another "
            "--rest_api_port",
        ) from error


async def _read_body(request: web.BaseRequest) -> bytes:
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        # A client with a large body waits for this before it sends it.
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return await request.read()


def _uncompress(body: bytes) -> bytes:
    """The body itself; nothing, as in TF Serving, if it is damaged or too large."""
    decompressor = zlib.decompressobj(_GZIP)
    try:
        plain = decompressor.decompress(body, _MAX_UNCOMPRESSED_BYTES)
    except zlib.error:
        return b""
    return plain if decompressor.eof else b""


def _too_many(running: int) -> StatusError:
    return StatusError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"{running} requests wait for an answer already; try again later, or raise "
        "--rest_api_num_threads",
    )


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _error_page(status: HTTPStatus) -> Answer:
    """The page that the HTTP server under TF Serving answers with by itself."""
    title = f"{status.value} {status.phrase}"
    page = (
        f"<HTML><HEAD>\n<TITLE>{title}</TITLE>\n</HEAD><BODY>\n<H1>{status.phrase}</H1>\n"
        "</BODY></HTML>\n"
    )
    return Answer(status, {"Content-Type": "text/html"}, page.encode())


_NOT_FOUND = _error_page(HTTPStatus.NOT_FOUND)
