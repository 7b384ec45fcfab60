"""Every RPC of the server, free of transport: gRPC and REST are thin fronts over these methods."""

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server.errors import StatusError
from serving.server.metadata import get_model_metadata
from serving.server.options import ServerOptions
from serving.server.predict import predict
from serving.server.registry import Models
from serving.server.status import get_model_status


class Handlers:
    """The methods of `PredictionService` and `ModelService`.

    A method takes the API's request and returns its response. `deadline` is the time left for the
    request in seconds, None for no limit. All raise `StatusError` with TF Serving's codes and
    texts.

    Args:
        models: the models of the server.
        options: what the flags say.

    Attributes:
        models: the models of the server.
        options: what the flags say.
    """

    def __init__(self, models: Models, options: ServerOptions) -> None:
        self.models = models
        self.options = options

    def predict(
        self, request: predict_pb2.PredictRequest, deadline: float | None = None
    ) -> predict_pb2.PredictResponse:
        """Runs one signature: arrays in, arrays out."""
        return predict(self.models, request)

    def classify(
        self, request: classification_pb2.ClassificationRequest, deadline: float | None = None
    ) -> classification_pb2.ClassificationResponse:
        """Labels and scores of tf.Examples."""
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, "Classify")

    def regress(
        self, request: regression_pb2.RegressionRequest, deadline: float | None = None
    ) -> regression_pb2.RegressionResponse:
        """A number for each tf.Example."""
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, "Regress")

    def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, deadline: float | None = None
    ) -> inference_pb2.MultiInferenceResponse:
        """Several classify and regress signatures of one model on the same tf.Examples."""
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, "MultiInference")

    def get_model_metadata(
        self,
        request: get_model_metadata_pb2.GetModelMetadataRequest,
        deadline: float | None = None,
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a model."""
        return get_model_metadata(self.models, request)

    def get_model_status(
        self,
        request: get_model_status_pb2.GetModelStatusRequest,
        deadline: float | None = None,
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Where each version of a model is in its life."""
        return get_model_status(self.models, request)

    def reload_config(
        self,
        request: model_management_pb2.ReloadConfigRequest,
        deadline: float | None = None,
    ) -> model_management_pb2.ReloadConfigResponse:
        """Replaces the whole model configuration."""
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, "HandleReloadConfigRequest")
