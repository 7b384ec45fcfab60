"""A sample of the requests of each model, with their answers, as TFRecords of `PredictionLog`.

TF Serving reads its warm-up requests in the same format.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from google.protobuf.message import Message
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import logging_config_pb2

from serving.server import metrics
from serving.server.errors import from_exception
from serving.server.model_config import ModelServerConfig

#: A file that has this many bytes is closed and the next one opened.
MAX_FILE_BYTES = 256 * 2**20

_LOG = logging.getLogger(__name__)


class RequestLog:
    """Writes sampled requests where the `logging_config` of their model says.

    Files are named `<filename_prefix>-<start in seconds>-<process>-<number>.tfrecord`. A request is
    written by the thread that answered it; one that cannot be written is dropped and the log says
    so, never the client.
    """

    def __init__(self) -> None:
        self._writers: Mapping[str, _Writer] = {}

    def configure(self, config: ModelServerConfig) -> None:
        """Takes the settings of every model from a configuration."""
        old = dict(self._writers)
        writers = {}
        for model in config.model_config_list.config:
            if model.HasField("logging_config"):
                writer = old.get(model.name)
                if writer is None or writer.config != model.logging_config:
                    writer = _Writer(model.logging_config)
                writers[model.name] = writer
        self._writers = writers
        for name, writer in old.items():
            if writers.get(name) is not writer:
                writer.close()

    def record(self, name: str, kind: str, request: Message, response: Any) -> None:
        """Writes a request, if it is in the sample of its model.

        Args:
            name: the model.
            kind: the field of `PredictionLog`, such as `predict_log`.
            request: the request.
            response: its response.
        """
        writer = self._writers.get(name)
        if writer is None or not writer.takes():
            return
        log = prediction_log_pb2.PredictionLog()
        entry = getattr(log, kind)
        entry.request.CopyFrom(request)
        entry.response.CopyFrom(response)
        spec = response.results[0] if kind == "multi_inference_log" else response
        log.log_metadata.model_spec.CopyFrom(spec.model_spec)
        log.log_metadata.sampling_config.CopyFrom(writer.config.sampling_config)
        log.log_metadata.timestamp_secs = int(time.time())
        status = writer.write(log.SerializeToString())
        metrics.REQUEST_LOG_COUNT.increment(name, status)

    def close(self) -> None:
        """Writes out what is in memory."""
        for writer in self._writers.values():
            writer.close()


class _Writer:
    def __init__(self, config: logging_config_pb2.LoggingConfig) -> None:
        self.config = config
        self._prefix = f"{config.log_collector_config.filename_prefix}-{int(time.time())}"
        self._lock = threading.Lock()
        self._file: Any = None
        self._files = 0
        self._bytes = 0

    def takes(self) -> bool:
        return random.random() < self.config.sampling_config.sampling_rate

    def write(self, record: bytes) -> str:
        """Writes a record; the name of the status code that came of it."""
        try:
            with self._lock:
                if self._file is None:
                    path = f"{self._prefix}-{os.getpid()}-{self._files}.tfrecord"
                    self._file, self._bytes = tf.io.TFRecordWriter(path), 0
                    self._files += 1
                self._file.write(record)
                self._file.flush()
                self._bytes += len(record)
                if self._bytes >= MAX_FILE_BYTES:
                    self._close()
        except tf.errors.OpError as error:
            _LOG.warning("A request could not be logged: %s", error.message)
            return from_exception(error).code.name
        return "OK"

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
