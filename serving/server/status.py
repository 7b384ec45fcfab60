"""`ModelService.GetModelStatus`: where each version of a model is in its life."""

from collections.abc import Sequence

import grpc
from tensorflow_serving.apis import get_model_status_pb2

from serving.server.errors import StatusError, invalid_argument
from serving.server.registry import Models


def get_model_status(
    models: Models, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    """Lists the states of one version or of all, those long unloaded included.

    Args:
        models: the models of the server.
        request: the model and, optionally, its version; a version label is ignored.

    Returns:
        The states, the highest version first; a version that failed to load says why.

    Raises:
        StatusError: with TF Serving's codes and texts.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    versions = models.versions(spec.name)
    if spec.HasField("version"):
        versions = [version for version in versions if version.number == spec.version.value]
    if not versions:
        which = f"version {spec.version.value}" if spec.HasField("version") else "any versions"
        raise StatusError(grpc.StatusCode.NOT_FOUND, f"Could not find {which} of model {spec.name}")
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        state = response.model_version_status.add(version=version.number, state=version.state)
        state.status.SetInParent()
        if version.error is not None:
            state.status.error_code = version.error.code.value[0]
            state.status.error_message = version.error.message
    return response


def least_advanced(
    responses: Sequence[get_model_status_pb2.GetModelStatusResponse],
) -> get_model_status_pb2.GetModelStatusResponse:
    """The status of a server of several processes: a version is as far as in the last of them.

    Args:
        responses: that of each process; empty where it knows no such version yet.

    Returns:
        Every version that one of them knows, the highest first. One that a process does not know
        has just begun; a failure in one is told.
    """
    known: dict[int, list[get_model_status_pb2.ModelVersionStatus]] = {}
    for response in responses:
        for status in response.model_version_status:
            known.setdefault(status.version, []).append(status)
    merged = get_model_status_pb2.GetModelStatusResponse()
    for number in sorted(known, reverse=True):
        last = min(known[number], key=lambda status: (not status.status.error_code, status.state))
        merged.model_version_status.add().CopyFrom(last)
        if len(known[number]) < len(responses) and not last.status.error_code:
            merged.model_version_status[-1].state = last.START
    return merged
