"""Which model, version and method a path asks for."""

import re
from typing import NamedTuple
from urllib.parse import unquote

from tensorflow_serving.apis import model_pb2

from serving.server.errors import invalid_argument

_MODEL = r"/v1/models/([^/:]+)"
_VERSION = r"(?:/versions/([0-9]+)|/labels/([^/:]+))?"
_PREDICTION = re.compile(rf"{_MODEL}{_VERSION}:(classify|regress|predict)", re.IGNORECASE)
_INFORMATION = re.compile(rf"/v1/models(?:/([^/:]+))?{_VERSION}(?:/(metadata))?", re.IGNORECASE)
_API = re.compile(r"/v1/.*", re.IGNORECASE)
_INT64_MAX = 2**63 - 1


class Route(NamedTuple):
    """What a request asks for.

    Args:
        action: `predict`, `classify`, `regress`, `metadata` or `status`.
        spec: the model, and its version or label if the path names one.
    """

    action: str
    spec: model_pb2.ModelSpec


def is_api(path: str) -> bool:
    """Whether the REST API answers for a path, if only to say that it is malformed.

    Example:
        >>> is_api("/V1/whatever"), is_api("/index.html")
        (True, False)
    """
    return _API.fullmatch(path) is not None


def read_route(verb: str, path: str) -> Route:
    """Reads a path of the API.

    Args:
        verb: the HTTP method.
        path: the path as it was sent, with its query if it has one: that is part of the match,
            as in TF Serving.

    Raises:
        StatusError: the path is none of the API's, it takes another verb, or its version is no
            64-bit integer.

    Example:
        >>> route = read_route("POST", "/v1/models/my%20model/versions/3:predict")
        >>> route.action, route.spec.name, route.spec.version.value
        ('predict', 'my model', 3)
    """
    pattern = {"POST": _PREDICTION, "GET": _INFORMATION}.get(verb)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise invalid_argument(f"Malformed request: {verb} {path}")
    name, version, label, action = match.groups()
    if not name:
        raise invalid_argument("Missing model name in request.")
    spec = model_pb2.ModelSpec(name=unquote(name))
    if version:
        if int(version) > _INT64_MAX:
            raise invalid_argument(f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(version)
    elif label:
        spec.version_label = unquote(label)
    return Route((action or "status").lower(), spec)
