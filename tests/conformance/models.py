"""The SavedModels and the configuration that a server is asked with.

`python -m tests.conformance.models FOLDER [SERVER_FOLDER]` writes both for a server that runs
elsewhere and sees the folder as `SERVER_FOLDER`.
"""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterable, Mapping

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2 as config_pb2

v1 = tf.compat.v1
FLAGS = [
    "--file_system_poll_wait_seconds=1",
    "--max_num_load_retries=0",
    "--allow_version_labels_for_unavailable_models",
    "--rest_api_enable_cors_support",
    "--rest_api_timeout_in_ms=3000",
    "--enable_grpc_healthcheck_service",
]
_CLASSIFY = "tensorflow/serving/classify"
_REGRESS = "tensorflow/serving/regress"
_PREDICT = "tensorflow/serving/predict"


def half_plus(path: pathlib.Path, addend: float = 2.0) -> None:
    """Writes `y = x / 2 + addend` as the example of TF Serving's guide has it, in TF1 style."""
    with v1.Graph().as_default(), v1.Session() as session:
        half, added = v1.Variable(0.5, name="a"), v1.Variable(addend, name="b")
        example = v1.placeholder(tf.string, [None], name="tf_example")
        parsed = v1.parse_example(example, {"x": tf.io.FixedLenFeature([1], tf.float32, [0.0])})
        x = v1.identity(parsed["x"], name="x")
        y = v1.add(half * x, added, name="y")
        names = v1.as_string(y)
        whole = v1.cast(y, tf.int64)
        flat = v1.squeeze(y, 1)
        signatures = {
            "serving_default": _signature({"x": x}, {"y": y}, _PREDICT),
            "regress_x_to_y": _signature({"inputs": example}, {"outputs": y}, _REGRESS),
            "regress_flat": _signature({"inputs": example}, {"outputs": flat}, _REGRESS),
            "classify_x_to_y": _signature({"inputs": example}, {"scores": y}, _CLASSIFY),
            "classify_named": _signature(
                {"inputs": example}, {"classes": names, "scores": y}, _CLASSIFY
            ),
            # Against the rules, one each.
            "classify_two_inputs": _signature(
                {"inputs": example, "x": x}, {"scores": y}, _CLASSIFY
            ),
            "classify_three_outputs": _signature(
                {"inputs": example}, {"classes": names, "scores": y, "more": y}, _CLASSIFY
            ),
            "classify_other_alias": _signature({"example": example}, {"scores": y}, _CLASSIFY),
            "classify_flat": _signature({"inputs": example}, {"scores": flat}, _CLASSIFY),
            "classify_float_classes": _signature({"inputs": example}, {"classes": y}, _CLASSIFY),
            "classify_int_scores": _signature({"inputs": example}, {"scores": whole}, _CLASSIFY),
            "regress_int": _signature({"inputs": example}, {"outputs": whole}, _REGRESS),
        }
        session.run(v1.global_variables_initializer())
        unfinished = path.with_name(f"unfinished-{path.name}")
        builder = v1.saved_model.builder.SavedModelBuilder(str(unfinished))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    # A server loads a folder as soon as it sees its number.
    unfinished.rename(path)


def _signature(inputs: Mapping, outputs: Mapping, method: str):
    info = v1.saved_model.utils.build_tensor_info
    return v1.saved_model.build_signature_def(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        method,
    )


def _spec(name: str, dtype: tf.DType, *shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name=name)


class Many(tf.Module):
    """Signatures of every kind, in TF2 style."""

    @tf.function(input_signature=[_spec("a", tf.float32, None), _spec("b", tf.int64, None)])
    def serving_default(self, a, b):
        return {"sum": a + tf.cast(b, tf.float32), "product": a * tf.cast(b, tf.float32)}

    @tf.function(input_signature=[_spec("text", tf.string, None)])
    def strings(self, text):
        return {"upper": tf.strings.upper(text), "same_bytes": tf.identity(text)}

    @tf.function(input_signature=[_spec("flag", tf.bool, None)])
    def booleans(self, flag):
        return {"not": tf.logical_not(flag)}

    @tf.function(input_signature=[_spec("i", tf.int32, None)])
    def integers(self, i):
        return {"next": i + 1}

    @tf.function(input_signature=[_spec("x", tf.float32, None)])
    def floats(self, x):
        return {"same": tf.identity(x)}

    @tf.function(input_signature=[_spec("pair", tf.float32, None, 2)])
    def pairs(self, pair):
        return {"total": tf.matmul(pair, [[1.0], [1.0]])}

    @tf.function(input_signature=[_spec("matrix", tf.float32, None, None, 2)])
    def matrices(self, matrix):
        return {"total": tf.reduce_sum(matrix, [1, 2])}

    @tf.function(input_signature=[_spec("x", tf.float32, None)])
    def uneven(self, x):
        """Outputs that do not share their first dimension."""
        return {"all": tf.identity(x), "first": x[:1]}

    @tf.function(input_signature=[_spec("x", tf.float32, None), _spec("scale", tf.float32)])
    def defaults(self, x, scale=tf.constant(10.0)):  # noqa: B008
        return {"scaled": x * scale}

    @tf.function(input_signature=[_spec("x", tf.float32, None)])
    def dtypes(self, x):
        whole = tf.cast(x, tf.int64)
        casts = (tf.float32, tf.float64, tf.int32, tf.int64, tf.bool, tf.half, tf.uint32, tf.uint64)
        casts += (tf.int8, tf.uint8, tf.int16, tf.uint16)
        return {dtype.name: tf.cast(whole, dtype) for dtype in casts} | {
            "string": tf.strings.as_string(whole)
        }

    @tf.function(input_signature=[_spec("seconds", tf.float64)])
    def slow(self, seconds):
        """Runs for so many seconds, or until it is cancelled."""
        end = tf.timestamp() + seconds
        turns = tf.while_loop(lambda i: tf.timestamp() < end, lambda i: [i + 1], [tf.constant(0)])
        return {"turns": turns[0]}

    @tf.function(input_signature=[_spec("seconds", tf.float64, None)])
    def slow_rows(self, seconds):
        return {"turns": tf.fill(tf.shape(seconds), self.slow(tf.reduce_max(seconds))["turns"])}

    def save(self, path: pathlib.Path) -> None:
        """Writes the model."""
        names = [name for name, value in vars(Many).items() if hasattr(value, "python_function")]
        tf.saved_model.save(self, path, {name: getattr(self, name) for name in names})


def write_warm_up(
    path: pathlib.Path, model: str, records: int, signature: str = "", text: bytes = b""
) -> None:
    """Writes Predict requests as warm-up records, or a text in their place."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0]]))
    log = prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(records):
            writer.write(log.SerializeToString())
    if text:
        path.write_bytes(text)


def write(folder: pathlib.Path, server_folder: str) -> None:
    """Writes the models, and the configuration of a server that sees them in `server_folder`."""
    half_plus(_made(folder / "half_plus_two") / "00000123")
    Many().save(_made(folder / "many") / "1")
    for version in (1, 2, 3):
        half_plus(_made(folder / "versions") / str(version), float(version))
    _made(folder / "with space")
    half_plus(folder / "with space" / "1")
    configuration = config_pb2.ModelServerConfig()
    configuration.model_config_list.config.extend(models(server_folder))
    (folder / "models.config").write_text(text_format.MessageToString(configuration))
    (folder / "monitoring.config").write_text("prometheus_config { enable: true }\n")


def models(server_folder: str) -> list[config_pb2.ModelConfig]:
    """Returns the configuration of the models that every server has."""
    configs = [model(name, server_folder) for name in ("half_plus_two", "many", "with space")]
    versions = model("versions", server_folder, specific=[1, 2])
    versions.version_labels.update({"stable": 1, "canary": 2})
    return [*configs, versions]


def model(
    name: str, server_folder: str, *, specific: Iterable[int] = (), latest: int = 0
) -> config_pb2.ModelConfig:
    """Returns the configuration of one model and its version policy."""
    config = config_pb2.ModelConfig(
        name=name, base_path=f"{server_folder}/{name}", model_platform="tensorflow"
    )
    config.model_version_policy.specific.versions.extend(specific)
    if latest:
        config.model_version_policy.latest.num_versions = latest
    if not specific and not latest:
        config.ClearField("model_version_policy")
    return config


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    at = pathlib.Path(sys.argv[1]).resolve()
    write(at, sys.argv[2] if len(sys.argv) > 2 else str(at))
    print("Start the server with:", *FLAGS, sep="\n  ")
