"""The command line, in TF Serving's spellings: from arguments to `ServerOptions`, and `--help`."""

import textwrap
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from serving.server.options import ServerOptions


class FlagError(ValueError):
    """A flag whose value cannot be read."""


def parse(arguments: Sequence[str]) -> tuple[ServerOptions, list[str]]:
    """Reads `--flag=value`, `--flag value`, `--flag` and `--noflag`.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The options, and the arguments that are none of the flags.

    Raises:
        FlagError: a value is missing or is not of the flag's type.

    Example:
        >>> options, unknown = parse(["--port=9000", "--model_name", "movies", "--prot=1"])
        >>> options.port, options.model_name, unknown
        (9000, 'movies', ['--prot=1'])
    """
    types = {flag.name: type(flag.default) for flag in fields(ServerOptions)}
    values: dict[str, Any] = {}
    unknown: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        name, has_value, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--"):
            unknown.append(argument)
        elif types.get(name) is bool:
            values[name] = _read(name, bool, value) if has_value else True
        elif types.get(name.removeprefix("no")) is bool and not has_value:
            values[name.removeprefix("no")] = False
        elif name in types:
            if not has_value:
                if not rest or rest[0].startswith("--"):
                    raise FlagError(f"Flag --{name} needs a value: --{name}=VALUE.")
                value = rest.pop(0)
            values[name] = _read(name, types[name], value)
        else:
            unknown.append(argument)
    return ServerOptions(**values), unknown


def unused(options: ServerOptions) -> list[str]:
    """The flags that were set and that this server has no use for.

    Example:
        >>> unused(ServerOptions(skip_initialize_tpu=True, port=1))
        ['skip_initialize_tpu']
    """
    return [
        flag.name
        for flag in fields(ServerOptions)
        if flag.metadata["unused"] and getattr(options, flag.name) != flag.default
    ]


def _read(name: str, kind: type, value: str) -> str | int | float | bool:
    try:
        return {"true": True, "false": False}[value] if kind is bool else kind(value)
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise FlagError(
            f"Couldn't interpret value {value} for flag {name}: it takes {wanted}."
        ) from None


def usage() -> str:
    """The text of `--help`."""
    lines = [
        "usage: python -m serving.server --model_base_path=PATH [--model_name=NAME] [--port=PORT]",
        "",
        "Serves SavedModels over gRPC and REST as TF Serving does. A new version is loaded when",
        "its folder appears under the base path, and the old one is unloaded after its last",
        "request; write a version under another name and rename it, so that it appears whole.",
        "The ports open when every model has a version. SIGTERM lets running requests finish.",
        "",
        "examples:",
        "  python -m serving.server --model_name=movies --model_base_path=/models/movies",
        "  python -m serving.server --rest_api_port=8501 --model_config_file=/models/models.config",
        "",
        "flags (--flag=value or --flag value; switches: --flag or --noflag):",
    ]
    for flag in fields(ServerOptions):
        if flag.metadata["group"]:
            lines += ["", f" {flag.metadata['group']}"]
        default = str(flag.default).lower() if isinstance(flag.default, bool) else flag.default
        lines.append(f"  --{flag.name}={default}")
        note = " Has no effect here." if flag.metadata["unused"] else ""
        lines += textwrap.wrap(
            flag.metadata["help"] + note, 95, initial_indent=" " * 6, subsequent_indent=" " * 6
        )
    return "\n".join(lines)
