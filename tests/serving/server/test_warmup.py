"""Requests that a version answers before it serves, and the log that writes such requests."""

from __future__ import annotations

import pathlib
import shutil

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving.server import warmup
from serving.server.errors import StatusError
from serving.server.lifecycle import Version
from serving.server.loading import Loader
from serving.server.model_config import from_options
from serving.server.options import ServerOptions

PredictionLog = prediction_log_pb2.PredictionLog


def predict_log(signature: str) -> PredictionLog:
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = "e", signature
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(3)
    inputs = np.array([example.SerializeToString()], object)
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto(inputs))
    return log


@pytest.fixture
def version_with(estimates, tmp_path):
    """A version in a folder of its own, with the content of its warm-up file."""

    def make(content: bytes) -> Version:
        folder = pathlib.Path(shutil.copytree(estimates / "7", tmp_path / "1"))
        (folder / "assets.extra").mkdir()
        (folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(content)
        return Version("e", 1, str(folder))

    return make


def tf_record(tmp_path: pathlib.Path, *logs: PredictionLog) -> bytes:
    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
    return path.read_bytes()


def test_what_the_log_writes_warms_a_version_up(start, estimates, version_with, tmp_path, caplog):
    config = from_options(ServerOptions(model_name="e", model_base_path=str(estimates)))
    logging_config = config.model_config_list.config[0].logging_config
    logging_config.log_collector_config.filename_prefix = str(tmp_path / "log")
    logging_config.sampling_config.sampling_rate = 1
    handlers = start(config, enable_request_logging=True)
    request = predict_log("column").predict_log.request
    answer = handlers.predict(request)
    logging_config.sampling_config.sampling_rate = 0
    handlers.models.reload(config)
    handlers.predict(request)  # one that is not in the sample

    (path,) = tmp_path.glob("log-*.tfrecord")
    (record,) = tf.compat.v1.io.tf_record_iterator(str(path))
    log = PredictionLog.FromString(record)
    assert log.predict_log == prediction_log_pb2.PredictLog(request=request, response=answer)
    assert log.log_metadata.model_spec == answer.model_spec
    assert log.log_metadata.sampling_config.sampling_rate == 1
    with caplog.at_level("INFO"):
        Loader(ServerOptions())(version_with(path.read_bytes()))
    assert "Model e version 1 answered 1 warm-up requests" in caplog.text


def test_without_the_flag_a_logging_config_is_refused(start, estimates):
    config = from_options(ServerOptions(model_name="e", model_base_path=str(estimates)))
    config.model_config_list.config[0].logging_config.SetInParent()
    with pytest.raises(StatusError, match=r"^INVALID_ARGUMENT: No request-logger-creator provided"):
        start(config)


@pytest.mark.parametrize(
    ("logs", "code", "text"),
    [
        (
            [predict_log("nowhere")],
            grpc.StatusCode.FAILED_PRECONDITION,
            'Serving signature key "nowhere" not found.',
        ),
        (
            [PredictionLog(session_run_log={})],
            grpc.StatusCode.UNIMPLEMENTED,
            "Unsupported log_type for warmup: session_run_log",
        ),
        (
            [predict_log("")] * 1001,
            grpc.StatusCode.INVALID_ARGUMENT,
            "Number of warmup records exceeds the maximum (1000) at ",
        ),
    ],
    ids=["a request that fails", "another kind", "too many"],
)
def test_a_warm_up_that_fails_fails_the_load(version_with, tmp_path, logs, code, text):
    version = version_with(tf_record(tmp_path, *logs))
    with pytest.raises(StatusError) as raised:
        Loader(ServerOptions())(version)
    assert raised.value.code is code
    assert raised.value.message.startswith(text)
    Loader(ServerOptions(enable_model_warmup=False))(version)


def test_a_warm_up_file_of_another_format(version_with):
    with pytest.raises(StatusError) as raised:
        Loader(ServerOptions())(version_with(b"not records of TensorFlow"))
    assert raised.value.code is grpc.StatusCode.DATA_LOSS
    assert raised.value.message.endswith("Please verify your warmup data is in TFRecord format.")


def test_a_request_runs_as_often_as_the_flag_says(version_with, tmp_path, monkeypatch):
    runs, deadlines = [], []
    run = warmup._RUNS["predict_log"]

    def recorded(version, request, deadline):
        deadlines.append(deadline)
        runs.append(run(version, request, deadline))

    monkeypatch.setitem(warmup._RUNS, "predict_log", recorded)
    Loader(ServerOptions(num_request_iterations_for_warmup=3))(
        version_with(tf_record(tmp_path, predict_log("")))
    )
    assert [type(answer) for answer in runs] == [predict_pb2.PredictResponse] * 4
    assert deadlines[:3] == [None] * 3 and deadlines[3]  # and once for requests with a deadline
