"""The rows of `rows.yaml`, and the marks that tie a test to the row that it checks."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml


@dataclass(frozen=True)
class Row:
    """One promise of the API.

    Attributes:
        id: its name.
        section: the table it stands in.
        case: when it holds, or what holds.
        code: of a refusal the gRPC code, or the HTTP status; of a flag its default.
        message: of a refusal its text, where … is any text.
        only: `embedded` if it needs a server started for it.
        unreachable: why no request can bring it about; empty for one that is tested.
    """

    id: str
    section: str
    case: str = ""
    code: Any = None
    message: str = ""
    only: str = ""
    unreachable: str = ""

    def matches(self, text: str) -> bool:
        """Whether a text is the row's message."""
        pattern = ".*".join(map(re.escape, self.message.split("…")))
        return re.fullmatch(pattern, text, re.DOTALL) is not None


def _load() -> list[Row]:
    tables = yaml.safe_load(pathlib.Path(__file__).with_name("rows.yaml").read_text())
    rows = []
    for section, entries in tables.items():
        for name, entry in entries.items():
            if section == "Flags":
                entry = {"code": entry, "only": "embedded"}
            elif isinstance(entry, str):
                entry = {"case": entry}
            rows.append(Row(name, section, **entry))
    return rows


ROWS = _load()
BY_ID = {row.id: row for row in ROWS}


def check(*ids: str) -> pytest.MarkDecorator:
    """Marks a test as that of one or more rows."""
    assert set(ids) <= set(BY_ID), f"no such rows: {set(ids) - set(BY_ID)}"
    return pytest.mark.row(*ids)


def each(sections: str | list[str], cases: dict[str, Any] | None = None) -> Callable:
    """Parametrizes a test by the rows of a table, or by cases that are named as rows are."""
    names = [sections] if isinstance(sections, str) else sections
    own = [row for row in ROWS if row.section in names and not row.unreachable]
    if cases is None:
        return pytest.mark.parametrize("row", [_param(row.id, row) for row in own])
    return pytest.mark.parametrize(
        ("row", "case"), [_param(name, BY_ID[name], case) for name, case in cases.items()]
    )


def _param(name: str, *values: Any) -> Any:
    return pytest.param(*values, id=name, marks=check(name))
