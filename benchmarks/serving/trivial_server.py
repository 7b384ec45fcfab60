"""The peer: what one writes in an hour to serve a SavedModel over gRPC from Python.

`python -m benchmarks.serving.trivial_server VERSION SIGNATURE PORT`
"""

from __future__ import annotations

import sys
from concurrent import futures

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers Predict from one signature of a loaded SavedModel."""

    def __init__(self, version: str, signature: str) -> None:
        self._model = tf.saved_model.load(version)
        self._call = self._model.signatures[signature]

    def Predict(self, request, context):  # noqa: N802
        """Answer a request."""
        inputs = {name: tf.constant(tf.make_ndarray(p)) for name, p in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in self._call(**inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response


def main() -> None:
    version, signature, port = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(32))
    service = Service(version, signature)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
