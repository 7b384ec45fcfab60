"""Configs as frozen dataclasses, read from YAML: unknown keys and values of another type are told.

Example:
    >>> from recommenders_tf.training import TrainingConfig
    >>> from_dict(TrainingConfig, {"epochs": 3}).epochs
    3
"""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import types
import typing
from collections.abc import Mapping
from typing import Any

import yaml


class ConfigError(ValueError):
    """A config that cannot work; the message names the key and the remedy."""


def load(cls: type, path: str | pathlib.Path) -> Any:
    """Read a config from YAML.

    Args:
        cls: The dataclass.
        path: The file.

    Raises:
        ConfigError: The file is missing or no YAML mapping, or a key is unknown, missing or of
            another type.
    """
    try:
        values = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no config `{path}`; the folder `configs` has some.") from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"Config `{path}` is no YAML: {problem}.") from error
    return from_dict(cls, values)


def from_dict(cls: type, values: Any, where: str = "") -> Any:
    """Build a config dataclass from plain values, section by section.

    Args:
        cls: The dataclass.
        values: Mapping of its fields.
        where: Path of the section, such as `data.split`, for messages.

    Raises:
        ConfigError: A key is unknown, missing or of another type.
    """
    section = f"section `{where}`" if where else "the config"
    if not isinstance(values, dict):
        raise ConfigError(f"{section.capitalize()} must be a mapping; it is {values!r}.")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if unknown := [key for key in values if key not in fields]:
        close = difflib.get_close_matches(str(unknown[0]), fields, n=1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        raise ConfigError(
            f"There is no key `{unknown[0]}` in {section}: {hint}Known keys are "
            f"{', '.join(fields)}."
        )
    for name, field in fields.items():
        has_default = not (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if name not in values and not has_default:
            raise ConfigError(f"The key `{name}` is missing in {section}; add it.")
    paths = {name: f"{where}.{name}".lstrip(".") for name in values}
    arguments = {name: _value(hints[name], v, paths[name]) for name, v in values.items()}
    try:
        return cls(**arguments)
    except ConfigError:
        raise
    except ValueError as error:  # of a dataclass that is not of the pipeline alone
        raise ConfigError(f"In {section}: {error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return one value in the type that its field asks for."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if origin is Mapping and isinstance(value, dict):
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is None and type(value) is hint:
        return value
    name = {tuple: "a list of strings", Mapping: "a mapping"}.get(origin) or hint.__name__
    raise ConfigError(f"`{where}` must be {name}; it is {value!r}.")
