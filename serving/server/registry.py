"""From the `ModelSpec` of a request to a version in use."""

import logging
import threading
from collections.abc import Mapping

import grpc
from tensorflow_serving.apis import model_pb2

from serving.server import model_config
from serving.server.errors import StatusError, failed_precondition, invalid_argument, not_found
from serving.server.lifecycle import Model, State, Version
from serving.server.manager import Manager
from serving.server.model_config import ModelServerConfig
from serving.server.options import ServerOptions
from serving.server.request_log import RequestLog

_LOG = logging.getLogger(__name__)
_Labels = Mapping[tuple[str, str], int]


class Models:
    """The models of a server, under a configuration that can be replaced while they serve.

    Args:
        manager: what loads and unloads their versions.
        options: what the flags say.
        request_log: what writes sampled requests, told of every configuration.
    """

    def __init__(self, manager: Manager, options: ServerOptions, request_log: RequestLog) -> None:
        self._manager = manager
        self._options = options
        self._request_log = request_log
        self._labels: _Labels | None = None
        self._reloading = threading.Lock()

    def reload(
        self, config: ModelServerConfig, deadline: float | None = None, wait: bool = True
    ) -> None:
        """Puts a configuration in place of the one there is, whole or not at all.

        Args:
            config: the new one. An empty message changes nothing; an empty list takes every model
                away.
            deadline: the seconds that new models may take; None for no limit.
            wait: whether to wait until every new model has a version to serve.

        Raises:
            StatusError: with TF Serving's codes and texts; or a new model cannot be loaded, which
                leaves the new configuration in place.
        """
        with self._reloading:
            model_config.check(config, self._options)
            if not config.HasField("model_config_list"):
                _LOG.info("Taking no action for empty config.")
                return
            self._labels = self._assign_labels(config)
            self._request_log.configure(config)
            added = self._manager.configure(config.model_config_list.config)
        if wait:
            self._manager.wait_until_available(added, deadline)

    def use(self, spec: model_pb2.ModelSpec) -> "Use":
        """Holds the version that a request asks for, for the length of a `with` block.

        Args:
            spec: the model's name and, optionally, its version or a label; the highest version by
                default.

        Returns:
            What `with` turns into the version.

        Raises:
            StatusError: the request names no model, or one that cannot be served now.
        """
        name = spec.name
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        number = None
        if choice == "version":
            number = spec.version.value
        elif choice == "version_label":
            number = self._resolve_label(name, spec.version_label)
        model = self._manager.models.get(name)
        version = model.acquire(number) if model else None
        if model is None or version is None:
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise not_found(f"Servable not found for request: {wanted}")
        return Use(model, version)

    def versions(self, name: str) -> list[Version]:
        """Every version of a model that was ever wanted, the highest first; none if unknown."""
        with self._manager.changed:
            model = self._manager.models.get(name)
            return model.versions() if model else []

    def in_flight(self) -> int:
        """How many requests are running in all versions."""
        with self._manager.changed:
            models = self._manager.models.values()
            return sum(version.in_flight for model in models for version in model.versions())

    def _resolve_label(self, name: str, label: str) -> int:
        if self._labels is None:
            raise StatusError(
                grpc.StatusCode.UNAVAILABLE, f"Model labels does not init yet.{label}"
            )
        number = self._labels.get((name, label))
        if number is None:
            raise invalid_argument(f"Unrecognized servable version label: {label}")
        return number

    def _assign_labels(self, config: ModelServerConfig) -> _Labels:
        labels = {}
        for model in config.model_config_list.config:
            states = {version.number: version.state for version in self.versions(model.name)}
            for label, number in model.version_labels.items():
                current = (self._labels or {}).get((model.name, label), number)
                may_wait = (
                    self._options.allow_version_labels_for_unavailable_models and current == number
                )
                if states.get(number) is not State.AVAILABLE and not may_wait:
                    raise failed_precondition(
                        f"Request to assign label to version {number} of model {model.name}, "
                        "which is not currently available for inference"
                    )
                labels[model.name, label] = number
        return labels


class Use:
    """A version in use; it is not unloaded before the `with` block ends.

    A class, because a generator under `contextlib.contextmanager` costs several times as much.
    """

    __slots__ = ("_model", "_version")

    def __init__(self, model: Model, version: Version) -> None:
        self._model = model
        self._version = version

    def __enter__(self) -> Version:
        return self._version

    def __exit__(self, *exception: object) -> None:
        self._model.release(self._version)
