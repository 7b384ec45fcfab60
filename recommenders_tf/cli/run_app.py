"""How a command runs, and what becomes of an error."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from recommenders_tf.cli.console import note, quiet


def run_app(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 if all went well, 1 on an error, 2 if it was called wrongly.

    An error is told in one sentence; `--debug` anywhere shows its traceback.

    Args:
        app: The command.
        name: What it is called by.
        arguments: The command line; None takes that of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    quiet()
    try:
        app([argument for argument in given if argument != "--debug"], prog_name=name)
    except Exception as error:
        if debug:
            raise
        note(f"Error: {_sentence(error)}")
        sys.exit(1)


def _sentence(error: Exception) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    lines = str(error.args[0] if error.args else error).strip().split("\n")
    # Of an error within a tf.function the traceback comes first and the message last.
    text = lines[-1].strip() if lines[0].startswith("in user code") else lines[0]
    if isinstance(error, ValueError | LookupError | OSError | ImportError | RuntimeError):
        return text
    return f"{type(error).__name__}: {text} (--debug shows where)"
