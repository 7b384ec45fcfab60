"""From the `ModelSpec` of a request to a version in use."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import grpc
from tensorflow_serving.apis import model_pb2

from serving.server.errors import StatusError, invalid_argument
from serving.server.lifecycle import Model, Version


class Models:
    """The models of a server.

    Args:
        models: the models, with different names.
    """

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = {model.name: model for model in models}

    @contextmanager
    def use(self, spec: model_pb2.ModelSpec) -> Iterator[Version]:
        """Holds the version that a request asks for until the block ends.

        Args:
            spec: the model's name and, optionally, its version; the highest by default.

        Raises:
            StatusError: the request names no model, or one that cannot be served now.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        if spec.HasField("version_label"):
            raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
        number = spec.version.value if spec.HasField("version") else None
        model = self._models.get(spec.name)
        version = model.acquire(number) if model else None
        if model is None or version is None:
            wanted = (
                f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
            )
            raise StatusError(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}"
            )
        try:
            yield version
        finally:
            model.release(version)

    def versions(self, name: str) -> list[Version]:
        """Every version of a model that was ever wanted, the highest first; none if unknown."""
        model = self._models.get(name)
        return model.versions() if model else []
