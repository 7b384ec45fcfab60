"""`PredictionService.GetModelMetadata`: the signatures of a model."""

from tensorflow_serving.apis import get_model_metadata_pb2

from serving.server.errors import invalid_argument
from serving.server.registry import Models

SIGNATURE_DEF = "signature_def"


def get_model_metadata(
    models: Models, request: get_model_metadata_pb2.GetModelMetadataRequest
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Describes a version of a model.

    Args:
        models: the models of the server.
        request: the model, and the field `signature_def`, the only one there is.

    Returns:
        The `SignatureDefMap` of the model, packed in an `Any`.

    Raises:
        StatusError: with TF Serving's codes and texts.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    if not request.metadata_field:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid_argument(f"Metadata field {field} is not supported")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    with models.use(request.model_spec) as version:
        for name, signature in version.servable.signatures.items():
            signatures.signature_def[name].CopyFrom(signature.definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version.number
    response.metadata[SIGNATURE_DEF].Pack(signatures)
    return response
