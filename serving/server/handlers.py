"""Every RPC of the server, free of transport: gRPC and REST are thin fronts over these methods."""

from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server import metrics
from serving.server.errors import invalid_argument
from serving.server.inference import classify, multi_inference, regress
from serving.server.metadata import get_model_metadata
from serving.server.options import ServerOptions
from serving.server.predict import predict
from serving.server.registry import Models
from serving.server.request_log import RequestLog
from serving.server.status import get_model_status


class Handlers:
    """The methods of `PredictionService` and `ModelService`.

    A method takes the API's request and returns its response. `deadline` is the time left for the
    request in seconds, None for no limit. All raise `StatusError` with TF Serving's codes and
    texts.

    Args:
        models: the models of the server.
        options: what the flags say.
        request_log: where sampled requests are written; nowhere by default.

    Attributes:
        models: the models of the server.
        options: what the flags say.
    """

    def __init__(
        self, models: Models, options: ServerOptions, request_log: RequestLog | None = None
    ) -> None:
        self.models = models
        self.options = options
        self._log = request_log or RequestLog()

    def predict(
        self, request: predict_pb2.PredictRequest, deadline: float | None = None
    ) -> predict_pb2.PredictResponse:
        """Runs one signature: arrays in, arrays out."""
        with self.models.use(_spec(request)) as version:
            response = predict(version, request, deadline)
        self._log.record(request.model_spec.name, "predict_log", request, response)
        return response

    def classify(
        self, request: classification_pb2.ClassificationRequest, deadline: float | None = None
    ) -> classification_pb2.ClassificationResponse:
        """Labels and scores of tf.Examples."""
        with self.models.use(_spec(request)) as version:
            response = classify(version, request, deadline)
        self._log.record(request.model_spec.name, "classify_log", request, response)
        return response

    def regress(
        self, request: regression_pb2.RegressionRequest, deadline: float | None = None
    ) -> regression_pb2.RegressionResponse:
        """A number for each tf.Example."""
        with self.models.use(_spec(request)) as version:
            response = regress(version, request, deadline)
        self._log.record(request.model_spec.name, "regress_log", request, response)
        return response

    def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, deadline: float | None = None
    ) -> inference_pb2.MultiInferenceResponse:
        """Several classify and regress signatures of one model on the same tf.Examples."""
        spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        with self.models.use(spec) as version:
            response = multi_inference(version, request, deadline)
        self._log.record(spec.name, "multi_inference_log", request, response)
        return response

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
        """Replaces the whole model configuration; returns when its new models serve."""
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
                "ModelConfigList is currently supported"
            )
        self.models.reload(request.config, deadline)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response

    def metrics_page(self) -> str:
        """The metrics in Prometheus' text format."""
        return metrics.render()


def _spec(
    request: predict_pb2.PredictRequest
    | classification_pb2.ClassificationRequest
    | regression_pb2.RegressionRequest,
) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return request.model_spec
