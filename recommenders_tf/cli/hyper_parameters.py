"""`--set key=value`, checked against the constructor of a model."""

from __future__ import annotations

import ast
import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from recommenders_tf.registry import hyper_parameters

_LITERALS = {"true": True, "false": False, "none": None}
_ONE = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}


def parse(model: Any, settings: Iterable[str]) -> dict[str, Any]:
    """Return the hyper-parameters that settings name.

    Args:
        model: Class of the model; the arguments of its constructor are the hyper-parameters.
        settings: Texts `key=value`.

    Returns:
        Values by name, in the type of the argument.

    Raises:
        ValueError: A text is no `key=value`, names no hyper-parameter of the model, or gives a
            value of another type.

    Example:
        >>> from recommenders_tf import models
        >>> parse(models.TwoTower, ["hidden_units=32,16", "dropout=0"])
        {'hidden_units': (32, 16), 'dropout': 0.0}
    """
    values = {}
    for setting in settings:
        key, is_pair, text = setting.partition("=")
        if not is_pair:
            raise ValueError(f"--set takes KEY=VALUE; got `{setting}`.")
        values[key] = _checked(model, key, _literal(text), text)
    return values


def convert(model: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyper-parameters in the types of the constructor's arguments.

    Args:
        model: Class of the model.
        values: Values by name, such as those of a config.

    Raises:
        ValueError: A name is no hyper-parameter of the model, or its value is of another type.

    Example:
        >>> from recommenders_tf import models
        >>> convert(models.TwoTower, {"hidden_units": [32, 16]})
        {'hidden_units': (32, 16)}
    """
    return {key: _checked(model, key, value, _text(value)) for key, value in values.items()}


def _checked(model: Any, key: str, value: Any, text: str) -> Any:
    """Return the value of one hyper-parameter, which `text` spells, in the type it has to have."""
    name, known = model.info.name, hyper_parameters(model)
    if key not in known:
        raise ValueError(_unknown(name, key, known))
    hint = get_type_hints(model.__init__)[key]
    try:
        return _convert(value, hint)
    except TypeError:
        raise ValueError(f"`{key}` of `{name}` takes {_describe(hint)}; got `{text}`.") from None


def _literal(text: str) -> Any:
    """Return the Python value that a text spells, or the text."""
    if text.lower() in _LITERALS:
        return _LITERALS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _convert(value: Any, hint: Any) -> Any:
    """Return a value in the type of a hint; raise a `TypeError` if it has another."""
    kinds = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        for kind in kinds:
            try:
                return _convert(value, kind)
            except TypeError:
                continue
        raise TypeError
    if get_origin(hint) is Sequence:
        values = value if isinstance(value, list | tuple) else [value]
        return tuple(_convert(part, kinds[0]) for part in values)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise TypeError
    return value


def _describe(hint: Any) -> str:
    kinds = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(map(_describe, kinds))
    if get_origin(hint) is Sequence:
        return f"{_SEVERAL[kinds[0]]} with commas between"
    return _ONE.get(hint, "none")


def _unknown(name: str, key: str, known: dict[str, Any]) -> str:
    if not known:
        return f"`{name}` has no hyper-parameter `{key}`: it has none at all."
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean `{close[0]}`? It has" if close else "it has"
    listed = ", ".join(f"{other}={_text(default)}" for other, default in known.items())
    return f"`{name}` has no hyper-parameter `{key}`; {hint} {listed}."


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
