"""Every model by name: what the CLI, the pipeline, the docs and the contract tests iterate over.

A model is found by its file: `models/<room>/<name>.py` holds the one class that is registered under
`<name>`. Listing names imports nothing; asking for a model imports its file alone.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from recommenders_tf.search_space import SearchSpace, complete

if TYPE_CHECKING:
    from recommenders_tf.models.base import Recommender

PACKAGE = "recommenders_tf"
_MODELS = pathlib.Path(__file__).with_name("models")
_ModelT = TypeVar("_ModelT", bound="type[Recommender]")


class UnknownModelError(LookupError):
    """No model has this name."""


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What is known of a model without an instance of it.

    Args:
        name: Registry name.
        room: Folder of its file.
        kind: `retrieval` or `ranking`.
        summary: First line of its docstring.
        paper: Authors, title, year and where to find it.
        search_space: What `recommenders-tf tune` tries: values by the name of the argument, of the
            model or of `TrainingConfig`.
    """

    name: str
    room: str
    kind: str
    summary: str
    paper: str
    search_space: SearchSpace


def register(paper: str, search_space: SearchSpace | None = None) -> Callable[[_ModelT], _ModelT]:
    """Return a class decorator that puts a model into the registry and Keras' serialization.

    Args:
        paper: Authors, title, year and where to find it.
        search_space: What to try of arguments that `search_space.COMMON` does not know, or knows
            otherwise: of the constructor, or fields of `TrainingConfig`.

    Example:
        >>> from recommenders_tf import registry
        >>> registry.get("popularity").__name__
        'Popularity'
    """
    import tensorflow as tf

    def decorate(cls: _ModelT) -> _ModelT:
        _, _, room, name = cls.__module__.rsplit(".", 3)
        summary = (cls.__doc__ or "").strip().split("\n", 1)[0]
        space = complete(search_space or {}, hyper_parameters(cls))
        cls.info = ModelInfo(name, room, cls.kind, summary, paper, space)
        return tf.keras.saving.register_keras_serializable(PACKAGE)(cls)

    return decorate


def hyper_parameters(cls: type[Recommender]) -> dict[str, Any]:
    """Return the arguments of a model's constructor but the schema, with their defaults.

    Args:
        cls: The model.

    Example:
        >>> from recommenders_tf import registry
        >>> registry.hyper_parameters(registry.get("ease"))
        {'l2': 500.0}
    """
    return {
        name: parameter.default
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
        if name not in ("self", "schema", "kwargs")
    }


def names() -> list[str]:
    """Return the names of all models, in order."""
    return sorted(_modules())


def get(name: str) -> type[Recommender]:
    """Return the class of a model.

    Args:
        name: Registry name, or class name.

    Raises:
        UnknownModelError: No model has this name.
    """
    modules = {key.replace("_", ""): module for key, module in _modules().items()}
    key = name.replace("_", "").lower()
    if key not in modules:
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(names())}."
        raise UnknownModelError(f"There is no model `{name}`; {hint}")
    module = importlib.import_module(modules[key])
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and value.__module__ == module.__name__
            and "info" in vars(value)
        ):
            return value
    raise UnknownModelError(f"File {module.__name__} registers no model: decorate its class.")


def describe() -> list[ModelInfo]:
    """Return what is known of every model, in the order of their names."""
    return [get(name).info for name in names()]


def _modules() -> dict[str, str]:
    """Return the module of each model by name."""
    return {
        path.stem: f"{PACKAGE}.models.{path.parent.name}.{path.stem}"
        for path in _MODELS.glob("*/*.py")
        if not path.stem.startswith("_")
    }
