"""`PredictionService.Predict`: arrays in, arrays out."""

import time
from collections.abc import Collection, Mapping

import numpy as np
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from serving import tensors
from serving.server import metrics
from serving.server.errors import failed_precondition, invalid_argument
from serving.server.lifecycle import Version
from serving.server.signature import Signature, set_effective_spec, signature_name


def predict(
    version: Version, request: predict_pb2.PredictRequest, deadline: float | None = None
) -> predict_pb2.PredictResponse:
    """Runs one signature of a model.

    Args:
        version: the version in use.
        request: inputs by name; inputs with a default in the signature may be missing.
        deadline: the seconds left for it; None for no limit.

    Returns:
        The outputs, and the model, version and signature that made them.

    Raises:
        StatusError: with TF Serving's codes and texts, checked in its order.
    """
    servable = version.servable
    name = signature_name(request.model_spec)
    signature = servable.signatures.get(name)
    if signature is None:
        raise failed_precondition(f'Serving signature key "{name}" not found.')
    if servable.options.enable_signature_method_name_check:
        _check_method_name(signature)
    _check_input_count(signature, request.inputs)
    inputs = _read_inputs(signature, request.inputs)
    outputs = _choose_outputs(signature, request.output_filter)
    start = time.perf_counter()
    values = servable.run(name, inputs, outputs, deadline)
    micros = (time.perf_counter() - start) * 1e6
    metrics.RUNTIME_LATENCY.observe(micros, version.model, "Predict", "TF1")
    response = predict_pb2.PredictResponse()
    set_effective_spec(response.model_spec, version.model, version.number, name)
    as_content = servable.options.enable_serialization_as_tensor_content
    write = tensors.to_content if as_content else tensors.to_proto
    for alias, value in zip(outputs, values, strict=True):
        write(value, signature.outputs[alias].dtype, response.outputs[alias])
    return response


def _check_method_name(signature: Signature) -> None:
    names = [f"tensorflow/serving/{kind}" for kind in ("predict", "classify", "regress")]
    method_name = signature.definition.method_name
    if method_name not in names:
        raise invalid_argument(
            "Expected prediction signature method_name to be one of "
            f"{{{', '.join(names)}}}. Was: {method_name}"
        )


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
