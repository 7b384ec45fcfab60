"""Malformed requests on the real ports of a server: `make fuzz`.

Whatever is sent, the server must not end, must not answer with an error of its own making (INTERNAL
or UNKNOWN, a 5xx), and must answer the next good request.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.conformance import models
from tests.conformance.target import Process, example, values

GOOD_EVERY = 25
MODELS = ["half_plus_two", "many", "versions", "nobody", ""]
# `slow` and `slow_rows` take as long as they are told to.
NAMES = ["serving_default", "strings", "pairs", "matrices", "defaults", "dtypes", "integers"]
NAMES += ["classify_x_to_y", "regress_x_to_y", "classify_two_inputs", "nothing", ""]
METHODS = ["tensorflow/serving/regress", "tensorflow/serving/classify"]
INPUTS = ["x", "a", "b", "text", "pair", "matrix", "scale", "inputs", "i", "no such input"]
REQUESTS = {
    "PredictionService/Predict": predict_pb2.PredictRequest,
    "PredictionService/Classify": classification_pb2.ClassificationRequest,
    "PredictionService/Regress": regression_pb2.RegressionRequest,
    "PredictionService/MultiInference": inference_pb2.MultiInferenceRequest,
    "PredictionService/GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest,
    "ModelService/GetModelStatus": get_model_status_pb2.GetModelStatusRequest,
}
_int64 = st.integers(-(2**63), 2**63 - 1)
_specs = st.builds(
    model_pb2.ModelSpec,
    name=st.sampled_from(MODELS) | st.text(max_size=5),
    signature_name=st.sampled_from(NAMES) | st.text(max_size=5),
) | st.builds(
    lambda name, version: model_pb2.ModelSpec(name=name, version={"value": version}),
    st.sampled_from(MODELS),
    _int64,
)
_dims = st.integers(0, 4) | st.sampled_from([-1, -2, 2**31, 2**40, 2**62])
_tensors = st.builds(
    lambda dtype, dims, unknown, fields: tensor_pb2.TensorProto(
        dtype=dtype,
        tensor_shape={"dim": [{"size": size} for size in dims], "unknown_rank": unknown},
        **fields,
    ),
    st.integers(0, 25) | st.sampled_from([101, 107]),
    st.lists(_dims, max_size=4),
    st.booleans(),
    st.fixed_dictionaries(
        {},
        optional={
            "tensor_content": st.binary(max_size=40),
            "float_val": st.lists(st.floats(width=32), max_size=8),
            "int_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=8),
            "int64_val": st.lists(_int64, max_size=8),
            "string_val": st.lists(st.binary(max_size=8), max_size=8),
            "half_val": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
            "bool_val": st.lists(st.booleans(), max_size=8),
        },
    ),
)
_examples = st.lists(
    st.just(example(x=1.0)) | st.just(example(z=1.0)) | st.just(example()), max_size=3
)
_inputs = st.builds(
    lambda examples, context: input_pb2.Input(
        **(
            {"example_list_with_context": {"examples": examples, "context": example(x=2.0)}}
            if context
            else {"example_list": {"examples": examples}}
        )
    ),
    _examples,
    st.booleans(),
)
_messages = st.one_of(
    st.builds(
        lambda spec, inputs, wanted: predict_pb2.PredictRequest(
            model_spec=spec, inputs=inputs, output_filter=wanted
        ),
        _specs,
        st.dictionaries(st.sampled_from(INPUTS), _tensors, max_size=3),
        st.lists(st.sampled_from(["y", "sum", "z"]), max_size=2),
    ),
    st.builds(classification_pb2.ClassificationRequest, model_spec=_specs, input=_inputs),
    st.builds(regression_pb2.RegressionRequest, model_spec=_specs, input=_inputs),
    st.builds(
        lambda specs, methods, given: inference_pb2.MultiInferenceRequest(
            tasks=[
                {"model_spec": spec, "method_name": method}
                for spec, method in zip(specs, methods, strict=False)
            ],
            input=given,
        ),
        st.lists(_specs, max_size=3),
        st.lists(st.sampled_from([*METHODS, ""])),
        _inputs,
    ),
    st.builds(
        get_model_metadata_pb2.GetModelMetadataRequest,
        model_spec=_specs,
        metadata_field=st.lists(st.sampled_from(["signature_def", "x"]), max_size=2),
    ),
    st.builds(get_model_status_pb2.GetModelStatusRequest, model_spec=_specs),
)
_calls = _messages.map(lambda m: (_method(m), m.SerializeToString())) | st.tuples(
    st.sampled_from(list(REQUESTS)), st.binary(max_size=60)
)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.just({"b64": "YQ=="})
    | st.just({"b64": "?"}),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*INPUTS, "b64"]), inner, max_size=3)
    ),
    max_leaves=12,
)
_bodies = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "signature_name": st.sampled_from(NAMES) | _json,
            "instances": _json,
            "inputs": _json,
            "examples": _json,
            "context": _json,
        },
    ).map(lambda body: json.dumps(body).encode("utf-8", "surrogatepass")),
)
_paths = st.builds(
    "/v1/models/{}{}{}".format,
    st.sampled_from(MODELS),
    st.sampled_from(["", "/versions/1", f"/versions/{10**20}", "/labels/x", "/versions/"]),
    st.sampled_from([":predict", ":classify", ":regress", "", "/metadata", ":reload"]),
) | st.binary(max_size=12).map(lambda raw: "/" + "".join(f"%{byte:02x}" for byte in raw))
_posts = st.tuples(
    st.sampled_from(["POST", "POST", "POST", "GET", "OPTIONS", "PUT", "DELETE"]),
    _paths,
    _bodies,
    st.sampled_from(["", "", "gzip", "gzip as told", "deflate"]),
)


def _method(message: Any) -> str:
    return next(name for name, kind in REQUESTS.items() if isinstance(message, kind))


class Fuzz:
    """Sends requests, and asks a good one from time to time.

    Args:
        server: who is asked.
    """

    def __init__(self, server: Process) -> None:
        self._server = server
        self._sent = 0
        self._good()

    def over_grpc(self, call: tuple[str, bytes]) -> None:
        """Sends bytes to a method."""
        method, message = call
        send = self._server.channel.unary_unary(f"/tensorflow.serving.{method}", bytes, bytes)
        try:
            send(message, timeout=60)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code is grpc.StatusCode.INTERNAL and not _is_message(method, message):
                pass  # gRPC itself refuses what is no message of the method.
            elif code.name in ("INTERNAL", "UNKNOWN", "DATA_LOSS", "UNAVAILABLE"):
                raise AssertionError(f"{method} answered {code.name}: {details}") from error
        self._count()

    def over_rest(self, post: tuple[str, str, bytes, str]) -> None:
        """Sends a body to a path."""
        verb, path, body, encoding = post
        headers = {"Content-Encoding": encoding.partition(" ")[0]} if encoding else {}
        body = gzip.compress(body) if encoding == "gzip as told" else body
        connection = http.client.HTTPConnection(self._server.rest, timeout=60)
        try:
            connection.request(verb, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < 500, f"{verb} {path} answered {answer.status}: {text[:300]}"
        self._count()

    def _count(self) -> None:
        self._sent += 1
        if self._sent % GOOD_EVERY == 0:
            self._good()

    def _good(self) -> None:
        assert self._server.process.poll() is None, self._server.output()[-2000:]
        answer = self._server.predict("half_plus_two", {"x": np.float32([[1.0]])})
        assert values(answer.outputs["y"]) == [2.5]
        answer = self._server.post("half_plus_two:predict", {"instances": [[1.0]]})
        assert answer.json() == {"predictions": [[2.5]]}


def _is_message(method: str, message: bytes) -> bool:
    try:
        REQUESTS[method].FromString(message)
    except DecodeError:
        return False
    return True


def _generated(strategy: st.SearchStrategy, count: int, check: Callable[[Any], None]) -> None:
    options = settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    options(given(strategy)(check))()


def fuzz(requests: int) -> None:
    """Sends malformed requests, half of them over gRPC and half over REST.

    Args:
        requests: how many.

    Raises:
        AssertionError: the server did what it must not; the message has the request.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models.write(folder, name)
        server = Process(*models.FLAGS, f"--model_config_file={folder}/models.config")
        try:
            server.wait_until_ready("half_plus_two")
            server.wait_until_ready("many")
            fuzz = Fuzz(server)
            _generated(_calls, requests // 2, fuzz.over_grpc)
            _generated(_posts, requests // 2, fuzz.over_rest)
        finally:
            server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000, help="default 100,000")
    options = parser.parse_args()
    fuzz(options.requests)
    print(f"{options.requests:,} requests sent; the server answers as before.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
