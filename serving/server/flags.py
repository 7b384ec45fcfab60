"""The command line, in TF Serving's spellings and with its defaults.

A flag is a field of `ServerOptions`; a new one is one more field.
"""

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any


def _flag(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True)
class ServerOptions:
    """What the flags of the command line say."""

    port: int = _flag(8500, "TCP port of the gRPC API. 0 turns TCP off (see --grpc_socket_path).")
    grpc_socket_path: str = _flag(
        "", "Also listen on this UNIX socket. It must be an absolute path that can be created."
    )
    grpc_max_threads: int = _flag(
        4 * (os.cpu_count() or 1), "How many requests may run at the same time; the rest wait."
    )
    model_name: str = _flag("default", "Name by which clients ask for the model.")
    model_base_path: str = _flag(
        "",
        "Absolute path (or URI) of the folder that holds the versions of the model, each a "
        "SavedModel in a folder named by its number: BASE/1, BASE/2, ... The highest is served.",
    )
    file_system_poll_wait_seconds: int = _flag(
        1, "Seconds between looks for new versions. 0: look once at the start. Below 0: never."
    )
    saved_model_tags: str = _flag("serve", "Tags of the graph to load, with commas between.")
    max_num_load_retries: int = _flag(
        5, "How often to try a version again that failed to load, before it is given up."
    )
    load_retry_interval_micros: int = _flag(60_000_000, "Microseconds between those tries.")
    version: bool = _flag(False, "Print the version and stop.")
    help: bool = _flag(False, "Print this text and stop.")


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


def _read(name: str, kind: type, value: str) -> str | int | bool:
    try:
        return {"true": True, "false": False}[value] if kind is bool else kind(value)
    except (KeyError, ValueError):
        wanted = "true or false" if kind is bool else "a whole number"
        raise FlagError(
            f"Couldn't interpret value {value} for flag {name}: it takes {wanted}."
        ) from None


def usage() -> str:
    """The text of `--help`."""
    lines = [
        "usage: python -m serving.server --model_base_path=PATH [--model_name=NAME] [--port=PORT]",
        "",
        "Serves a SavedModel over gRPC as TF Serving does. A new version is loaded when its folder",
        "appears under the base path, and the old one is unloaded after its last request; write a",
        "version under another name and rename it, so that it appears whole. The port opens when",
        "the first version is ready. SIGTERM lets the running requests finish.",
        "",
        "example:",
        "  python -m serving.server --model_name=movies --model_base_path=/models/movies",
        "",
        "flags (--flag=value or --flag value; switches: --flag or --noflag):",
    ]
    for flag in fields(ServerOptions):
        default = str(flag.default).lower() if isinstance(flag.default, bool) else flag.default
        lines.append(f"  --{flag.name}={default}")
        lines += textwrap.wrap(
            flag.metadata["help"], 95, initial_indent=" " * 6, subsequent_indent=" " * 6
        )
    return "\n".join(lines)
