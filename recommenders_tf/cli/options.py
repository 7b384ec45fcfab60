"""Options that commands share, kept as dataclasses."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints


def flatten(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take dataclasses: each field becomes an option of its own.

    Args:
        command: Function whose parameters are annotated for Typer, or with a dataclass whose
            fields are.

    Returns:
        The function that Typer is to see.
    """
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        hint = parameter.annotation
        if dataclasses.is_dataclass(hint):
            groups[parameter.name] = hint
            types = get_type_hints(hint, include_extras=True)
            parameters += [
                parameter.replace(
                    name=field.name, default=field.default, annotation=types[field.name]
                )
                for field in dataclasses.fields(hint)
            ]
        else:
            parameters.append(parameter)
    parameters = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in parameters]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{f.name: values.pop(f.name) for f in dataclasses.fields(group)})
        command(**values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
