"""What the commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import rich
import rich.box
import rich.markup
from rich.console import Console
from rich.status import Status
from rich.table import Table

errors = Console(stderr=True, highlight=False, soft_wrap=True)


def quiet() -> None:
    """Keep what TensorFlow and its companions say about themselves off the screen.

    It must be called before TensorFlow is imported. An error of theirs still comes as an exception.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # of processes that this one starts
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


def working(what: str) -> Status:
    """Return a context in which a spinner says on stderr what goes on, on a terminal."""
    return errors.status(what)


def note(text: str) -> None:
    """Print a remark on stderr."""
    errors.print(text, markup=False)


def print_json(value: Any) -> None:
    """Print a result for scripts."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None
) -> None:
    """Print a table of results; numbers stand on the right.

    Args:
        columns: Headings.
        rows: Values; the first column is never broken into lines.
        title: Line above it.
    """
    rows = [tuple(row) for row in rows]
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for number, name in enumerate(columns):
        is_number = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        table.add_column(
            name,
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=number == 0,
        )
    for row in rows:
        table.add_row(*(rich.markup.escape(_text(value)) for value in row))
    rich.print(table)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.4f}"
    return str(value)
