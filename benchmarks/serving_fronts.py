"""Which gRPC front the model server is to have: a pool of threads, or asyncio.

    python -m benchmarks.serving_fronts --ghz=PATH_OF_GHZ

Each front answers the same requests, one small model run each, in a process of its own; ghz
(github.com/bojand/ghz) asks them by turns. `empty` runs no model: what gRPC in Python costs.
Requests a second depend on what else the machine does, processor time a request hardly.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Annotated

import grpc
import typer

FRONTS = ("threads", "aio_in_the_loop", "aio_in_threads", "empty")
THREADS = 8
ROWS = 8
PROTO = """
syntax = "proto3";
package tensorflow.serving;
message PredictRequest {}
message PredictResponse {}
service PredictionService { rpc Predict(PredictRequest) returns (PredictResponse); }
"""


def save_model(folder: pathlib.Path) -> None:
    """Writes version 1 of a model that halves its input, and a request for it."""
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    half = tf.function(
        lambda x: {"y": x / 2}, input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")]
    )
    tf.saved_model.save(tf.Module(), str(folder / "half" / "1"), {"serving_default": half})
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones((ROWS, 1), np.float32)))
    (folder / "request").write_bytes(request.SerializeToString())
    (folder / "api.proto").write_text(PROTO)


def serve(front: str, folder: str) -> None:
    """Serves by one front until the process ends; prints the port when it listens."""
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    from serving.server.handlers import Handlers
    from serving.server.loading import Loader
    from serving.server.manager import Manager
    from serving.server.model_config import from_options
    from serving.server.options import ServerOptions
    from serving.server.registry import Models
    from serving.server.request_log import RequestLog

    options = ServerOptions(model_name="half", model_base_path=f"{folder}/half")
    manager, log = Manager(options, Loader(options)), RequestLog()
    models = Models(manager, options, log)
    manager.start()
    models.reload(from_options(options))
    handlers = Handlers(models, options, log)
    pool = futures.ThreadPoolExecutor(THREADS)

    class Front(prediction_service_pb2_grpc.PredictionServiceServicer):
        pass

    def listen(server: grpc.Server | grpc.aio.Server, predict: Callable) -> None:
        Front.Predict = predict
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Front(), server)
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)

    async def serve_aio() -> None:
        async def in_the_loop(self, request, context):
            return handlers.predict(request, context.time_remaining())

        async def in_threads(self, request, context):
            left = context.time_remaining()
            return await loop.run_in_executor(pool, handlers.predict, request, left)

        loop = asyncio.get_running_loop()
        server = grpc.aio.server()
        listen(server, in_the_loop if front == "aio_in_the_loop" else in_threads)
        await server.start()
        await server.wait_for_termination()

    if front.startswith("aio"):
        asyncio.run(serve_aio())
    server = grpc.server(pool)
    if front == "empty":
        listen(server, lambda self, request, context: predict_pb2.PredictResponse())
    else:
        listen(server, lambda self, r, context: handlers.predict(r, context.time_remaining()))
    server.start()
    threading.Event().wait()


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor, in user and system mode."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def ask(ghz: str, folder: pathlib.Path, port: str, in_flight: int, requests: int) -> dict:
    """One run of ghz; its report."""
    command = [ghz, "--insecure", "--format=json", f"--proto={folder / 'api.proto'}"]
    command += ["--call=tensorflow.serving.PredictionService/Predict"]
    command += [f"--binary-file={folder / 'request'}", f"--concurrency={in_flight}"]
    command += [f"--total={requests}", f"127.0.0.1:{port}"]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def main(
    ghz: Annotated[str, typer.Option(help="The program ghz.")] = "ghz",
    requests: Annotated[int, typer.Option(help="Requests of one measurement.")] = 2000,
    rounds: Annotated[int, typer.Option(help="Measurements by turns; the median counts.")] = 5,
) -> None:
    """Compares the fronts at 1 and at 32 requests in flight."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_model(folder)
        code = "import sys; from benchmarks.serving_fronts import serve; serve(*sys.argv[1:])"
        servers = {
            front: subprocess.Popen(
                [sys.executable, "-c", code, front, name], stdout=subprocess.PIPE, text=True
            )
            for front in FRONTS
        }
        ports = {front: server.stdout.readline().strip() for front, server in servers.items()}
        try:
            for in_flight in (1, 32):
                found = {front: [] for front in FRONTS}
                for _ in range(rounds):
                    for front, server in servers.items():
                        used = processor_seconds(server.pid)
                        report = ask(ghz, folder, ports[front], in_flight, requests)
                        used = processor_seconds(server.pid) - used
                        found[front].append((report["rps"], 1e6 * used / requests))
                for front, pairs in found.items():
                    rate, micros = map(statistics.median, zip(*pairs, strict=True))
                    typer.echo(
                        f"{front:16} {in_flight:3} in flight: {rate:6.0f} requests/s, "
                        f"{micros:4.0f} µs of processor a request"
                    )
        finally:
            for server in servers.values():
                server.kill()


if __name__ == "__main__":
    typer.run(main)
