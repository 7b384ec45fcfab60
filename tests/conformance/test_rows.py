"""The table of rows and the tests belong together."""

from __future__ import annotations

import importlib
import pathlib

from tests.conformance.rows import ROWS


def _checked() -> list[str]:
    ids = []
    for path in pathlib.Path(__file__).parent.glob("test_*.py"):
        module = importlib.import_module(f"tests.conformance.{path.stem}")
        for test in vars(module).values():
            marks = [*getattr(test, "pytestmark", [])]
            for mark in marks:
                if mark.name == "parametrize":
                    marks += [m for value in mark.args[1] for m in getattr(value, "marks", ())]
            ids += [name for mark in marks if mark.name == "row" for name in mark.args]
    return ids


def test_every_row_is_checked_or_says_why_not():
    checked = set(_checked())
    assert {row.id for row in ROWS if not row.unreachable} == checked


def test_names_are_unlike():
    assert len({row.id for row in ROWS}) == len(ROWS)
