"""Rows of measurements: where they are kept and what each says of its origin."""

from __future__ import annotations

import json
import pathlib
import subprocess
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
_RESULTS = "benchmarks/results"


def append(path: pathlib.Path, row: dict[str, Any]) -> None:
    """Append a row to a file of JSON lines."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def write(path: pathlib.Path, rows: list[dict[str, Any]]) -> None:
    """Put rows in the place of those of a file of JSON lines; a killed program leaves it whole."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    part.replace(path)


def read(path: pathlib.Path) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def commit() -> str:
    """Return the short name of the commit that is measured, with `-dirty` where files differ.

    Results do not count: the first row that is kept would make all others dirty.
    """
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{_RESULTS}")
    return f"{name}-dirty" if name and changed else name or "unknown"


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT)
    return answer.stdout.strip()
