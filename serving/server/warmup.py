"""Warm-up: a version answers recorded requests before it serves, so no client meets it cold."""

import logging
import time
from collections.abc import Callable

import grpc
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.server import metrics
from serving.server.errors import StatusError, from_exception, invalid_argument
from serving.server.inference import classify, multi_inference, regress
from serving.server.lifecycle import Version
from serving.server.predict import predict

#: Where the requests are in a version's folder: a TFRecord file of `PredictionLog`.
PATH = ("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000
_A_DAY = 86_400.0

_LOG = logging.getLogger(__name__)
_RUNS: dict[str, Callable] = {
    "predict_log": predict,
    "classify_log": classify,
    "regress_log": regress,
    "multi_inference_log": multi_inference,
}


def warm_up(version: Version, iterations: int) -> int:
    """Runs the requests that come with a version.

    Args:
        version: the version, loaded.
        iterations: how often to run each request.

    Returns:
        How many requests there were; 0 without a file.

    Raises:
        StatusError: the file is no TFRecord, holds too many requests or one of another kind, or a
            request fails.
    """
    path = tf.io.gfile.join(version.path, *PATH)
    if not tf.io.gfile.exists(path):
        return 0
    start = time.monotonic()
    count = 0
    try:
        for record in tf.compat.v1.io.tf_record_iterator(path):
            count += 1
            if count > MAX_RECORDS:
                raise invalid_argument(
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}"
                )
            _run(version, record, iterations)
    except tf.errors.DataLossError as error:
        raise StatusError(
            grpc.StatusCode.DATA_LOSS,
            f"{error.message}; Please verify your warmup data is in TFRecord format.",
        ) from error
    except tf.errors.OpError as error:
        raise from_exception(error) from error
    took = 1000 * (time.monotonic() - start)
    _LOG.info(
        "Model %s version %d answered %d warm-up requests in %d ms.",
        *(version.model, version.number, count, took),
    )
    return count


def _run(version: Version, record: bytes, iterations: int) -> None:
    log = prediction_log_pb2.PredictionLog()
    try:
        log.ParseFromString(record)
    except Exception as error:
        raise invalid_argument(f"Failed to parse warmup record: {error}") from error
    kind = log.WhichOneof("log_type")
    if kind not in _RUNS:
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
    request = getattr(log, kind).request
    for _ in range(iterations):
        start = time.perf_counter()
        try:
            _RUNS[kind](version, request, None)
        except StatusError as error:
            _record(version, error.code.name, start)
            raise
        _record(version, "OK", start)
    # Once more with a deadline: TensorFlow prepares the graph for such requests apart.
    _RUNS[kind](version, request, _A_DAY)


def _record(version: Version, status: str, start: float) -> None:
    micros = (time.perf_counter() - start) * 1e6
    metrics.MODEL_WARMUP_LATENCY.observe(micros, version.path, status)
    metrics.MODEL_WARMUP_RECORDS_READ.increment(version.path, status)
