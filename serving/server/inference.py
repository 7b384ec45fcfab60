"""`PredictionService` Classify, Regress and MultiInference: tf.Examples in, answers of each out."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import grpc
import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    regression_pb2,
)

from serving.server import metrics
from serving.server.errors import StatusError, failed_precondition, invalid_argument
from serving.server.examples import (
    CLASSES,
    OUTPUTS,
    SCORES,
    Outcome,
    serialized_examples,
    write_classifications,
    write_regressions,
)
from serving.server.lifecycle import Version
from serving.server.signature import set_effective_spec, signature_name

_Check = Callable[[meta_graph_pb2.SignatureDef], tuple[str, ...]]


def classify(
    version: Version, request: classification_pb2.ClassificationRequest, deadline: float | None
) -> classification_pb2.ClassificationResponse:
    """Gives every example its labels, scores or both.

    Args:
        version: the version in use.
        request: tf.Examples, and the signature.
        deadline: the seconds left for it; None for no limit.

    Raises:
        StatusError: with TF Serving's codes and texts.
    """
    response = classification_pb2.ClassificationResponse()
    task = _task(version, request.model_spec, _CLASSIFY, "No signature was found with the name: ")
    set_effective_spec(response.model_spec, version.model, version.number, task.signature)
    outcome = _run("Classify", version, [task], request.input, deadline)
    write_classifications(outcome, task.fetches, response.result)
    return response


def regress(
    version: Version, request: regression_pb2.RegressionRequest, deadline: float | None
) -> regression_pb2.RegressionResponse:
    """Gives every example a number; arguments and errors as of `classify`."""
    response = regression_pb2.RegressionResponse()
    task = _task(version, request.model_spec, _REGRESS, "No signature was found with the name: ")
    set_effective_spec(response.model_spec, version.model, version.number, task.signature)
    outcome = _run("Regress", version, [task], request.input, deadline)
    write_regressions(outcome, task.fetches, response.result)
    return response


def multi_inference(
    version: Version, request: inference_pb2.MultiInferenceRequest, deadline: float | None
) -> inference_pb2.MultiInferenceResponse:
    """Runs several signatures on the same examples at once; errors as of `classify`.

    The signatures must read the same tensor of the graph, as TF Serving demands.
    """
    tasks: list[_Task] = []
    for asked in request.tasks:
        spec = asked.model_spec
        if not spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if spec.name != request.tasks[0].model_spec.name:
            raise invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        if any(task.signature == signature_name(spec) for task in tasks):
            raise invalid_argument(f"Duplicate evaluation of signature: {signature_name(spec)}")
        missing = "Requested signature not found in model graph: "
        task = _task(version, spec, asked.method_name, missing)
        if tasks and task.feed != tasks[0].feed:
            raise invalid_argument("Input tensor must be the same for all Signatures.")
        tasks.append(task)
    outcome = _run("MultiInference", version, tasks, request.input, deadline)
    response = inference_pb2.MultiInferenceResponse()
    for task in tasks:
        result = response.results.add()
        set_effective_spec(result.model_spec, version.model, version.number, task.signature)
        if task.method == _CLASSIFY:
            write_classifications(outcome, task.fetches, result.classification_result)
        else:
            write_regressions(outcome, task.fetches, result.regression_result)
    return response


class _Task(NamedTuple):
    """One signature to run: its input tensor, and its output tensors by alias."""

    signature: str
    method: str
    feed: str
    fetches: Mapping[str, str]


_CLASSIFY = "tensorflow/serving/classify"
_REGRESS = "tensorflow/serving/regress"
_INPUTS = "inputs"


def _task(version: Version, spec: model_pb2.ModelSpec, method: str, missing: str) -> _Task:
    name = signature_name(spec)
    signature = version.servable.signatures.get(name)
    if signature is None:
        raise invalid_argument(missing + name)
    definition = signature.definition
    check = _CHECKS.get(method)
    if check is None:
        raise StatusError(
            grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {method}"
        )
    if version.servable.options.enable_signature_method_name_check:
        kind = "classification" if method == _CLASSIFY else "regression"
        if definition.method_name != method:
            raise invalid_argument(
                f"Expected {kind} signature method_name to be {method}. "
                f"Was: {definition.method_name}"
            )
    if len(definition.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    aliases = check(definition)
    fetches = {alias: definition.outputs[alias].name for alias in aliases}
    return _Task(name, method, definition.inputs[_INPUTS].name, fetches)


def _classify_outputs(definition: meta_graph_pb2.SignatureDef) -> tuple[str, ...]:
    if len(definition.outputs) not in (1, 2):
        raise invalid_argument(
            f"Expected one or two output Tensors, found {len(definition.outputs)}"
        )
    if _INPUTS not in definition.inputs:
        raise invalid_argument(f"No classification inputs found in SignatureDef: {definition}")
    aliases = tuple(alias for alias in (CLASSES, SCORES) if alias in definition.outputs)
    if not aliases:
        raise invalid_argument(
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {definition}'
        )
    return aliases


def _regress_outputs(definition: meta_graph_pb2.SignatureDef) -> tuple[str, ...]:
    if len(definition.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if _INPUTS not in definition.inputs:
        raise failed_precondition(f"No regression inputs found in SignatureDef: {definition}")
    if OUTPUTS not in definition.outputs:
        raise failed_precondition(f"No regression outputs found in SignatureDef: {definition}")
    return (OUTPUTS,)


_CHECKS: dict[str, _Check] = {_CLASSIFY: _classify_outputs, _REGRESS: _regress_outputs}


def _run(
    api: str,
    version: Version,
    tasks: Sequence[_Task],
    examples: input_pb2.Input,
    deadline: float | None,
) -> Outcome:
    serialized = serialized_examples(examples)
    if not serialized:
        raise invalid_argument("Input is empty.")
    feed = np.empty(len(serialized), object)
    feed[:] = serialized
    fetches = tuple(dict.fromkeys(name for task in tasks for name in task.fetches.values()))
    start = time.perf_counter()
    values = version.servable.run_tensors((tasks[0].feed,), [feed], fetches, deadline)
    micros = (time.perf_counter() - start) * 1e6
    metrics.RUNTIME_LATENCY.observe(micros, version.model, api, "TF1")
    metrics.REQUEST_EXAMPLE_COUNTS.observe(len(serialized), version.model)
    metrics.REQUEST_EXAMPLE_COUNT_TOTAL.increment(version.model, by=len(serialized))
    return Outcome(len(serialized), dict(zip(fetches, values, strict=True)))
