"""`PredictionService.Predict`: arrays in, arrays out."""

from collections.abc import Collection, Mapping

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from serving import tensors
from serving.server.errors import StatusError, invalid_argument
from serving.server.registry import Models
from serving.server.servable import Signature

DEFAULT_SIGNATURE = "serving_default"


def predict(models: Models, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    """Runs one signature of a model.

    Args:
        models: the models of the server.
        request: inputs by name; inputs with a default in the signature may be missing.

    Returns:
        The outputs as typed fields, and the model, version and signature that made them.

    Raises:
        StatusError: with TF Serving's codes and texts, checked in its order.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    with models.use(request.model_spec) as version:
        servable = version.servable
        signature = servable.signatures.get(name)
        if signature is None:
            raise StatusError(
                grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
            )
        _check_input_count(signature, request.inputs)
        inputs = _read_inputs(signature, request.inputs)
        outputs = _choose_outputs(signature, request.output_filter)
        values = servable.run(name, inputs, outputs)
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version.number
    response.model_spec.signature_name = name
    for alias, value in zip(outputs, values, strict=True):
        tensors.to_proto(value, signature.outputs[alias].dtype, response.outputs[alias])
    return response


def _check_input_count(signature: Signature, given: Collection[str]) -> None:
    few = len(given) < len(signature.inputs) and not signature.defaults
    if len(given) > len(signature.inputs) or few:
        extra, missing = set(given) - set(signature.inputs), set(signature.inputs) - set(given)
        raise invalid_argument(
            f"input size does not match signature: {len(given)}!={len(signature.inputs)} "
            f"len({_names(given)}) != len({_names(signature.inputs)}). "
            f"Sent extra: {_names(extra)}. Missing but required: {_names(missing)}."
        )


def _read_inputs(
    signature: Signature, given: Mapping[str, tensor_pb2.TensorProto]
) -> dict[str, np.ndarray]:
    inputs = {}
    used = 0
    for alias, feed_name in signature.inputs.items():
        # Looking a name up in a protobuf map would add it.
        if alias in given:
            used += 1
            try:
                inputs[alias] = tensors.from_proto(given[alias])
            except (ValueError, MemoryError) as error:
                raise invalid_argument(f"tensor parsing error: {alias}") from error
        elif alias in signature.defaults:
            inputs[alias] = signature.defaults[alias]
        else:
            raise invalid_argument(
                f"Signature input alias: {alias}(feed name: {feed_name}) not found in request and "
                "no default value provided. Inputs expected to be in the request "
                f"{_names(given)}, or default input alias set: {','.join(signature.defaults)}"
            )
    if used != len(given):
        known = set(given) & set(signature.inputs)
        raise invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(known))}, "
            f"request input: {','.join(sorted(given))}"
        )
    return inputs


def _choose_outputs(signature: Signature, wanted: Collection[str]) -> tuple[str, ...]:
    if not wanted:
        return signature.output_names
    seen = set()
    for alias in wanted:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_names(signature.outputs)}."
            )
        if alias in seen:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return tuple(sorted(seen))


def _names(names: Collection[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
