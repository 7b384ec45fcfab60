"""Runs the suite and writes the state of each row into docs/serving.md: `make conformance`."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from tests.conformance.rows import ROWS, Row

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "serving.md"
BEGIN, END = "<!-- rows: written by `make conformance` -->", "<!-- end of rows -->"
HOLDS, FAILS, NOT_RUN = "holds", "**fails**", "not run"


class States:
    """A plugin that keeps, for each row, whether all of its tests passed."""

    def __init__(self) -> None:
        self.of_row: dict[str, str] = {}
        self._rows: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marks = item.iter_markers("row")
            self._rows[item.nodeid] = [name for mark in marks for name in mark.args]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name in self._rows.get(report.nodeid, ()):
            if report.failed:
                self.of_row[name] = FAILS
            elif report.when == "call" and report.passed:
                self.of_row.setdefault(name, HOLDS)


def table(states: dict[str, str]) -> str:
    """Returns the rows by section, with the state of each."""
    tested = [row for row in ROWS if not row.unreachable]
    held = sum(states.get(row.id) == HOLDS for row in tested)
    lines = [f"{held} of {len(tested)} rows that can be brought about from outside hold."]
    for section in dict.fromkeys(row.section for row in ROWS):
        lines += ["", f"### {section}", "", "| row | what is promised | state |", "|---|---|---|"]
        for row in (row for row in ROWS if row.section == section):
            state = row.unreachable or states.get(row.id, NOT_RUN)
            mark = " †" if row.only and section != "Flags" else ""
            lines.append(f"| `{row.id}`{mark} | {_promise(row)} | {state} |")
    return "\n".join(lines).replace("<", "&lt;")


def _promise(row: Row) -> str:
    if row.section == "Flags":
        return f"is accepted; default `{row.code}`" if row.code != "" else "is accepted"
    refusal = f" → {row.code}" if row.code is not None else ""
    text = f" `{row.message}`".replace("|", "\\|") if row.message.strip("…") else ""
    return f"{row.case}{refusal}{text}"


def write(states: dict[str, str], page: pathlib.Path = PAGE) -> None:
    """Puts the table in its place of the page; a row that was not run keeps its state."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    old, _, after = rest.partition(END)
    kept = dict(re.findall(r"^\| `([\w-]+)`.* \| ([^|]+) \|$", old, re.MULTILINE))
    page.write_text(f"{before}{BEGIN}\n{table(kept | states)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    states = States()
    status = pytest.main([str(pathlib.Path(__file__).parent), *sys.argv[1:]], plugins=[states])
    write(states.of_row)
    print(f"wrote {PAGE}")
    sys.exit(status)
