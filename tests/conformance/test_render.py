"""The table of docs/serving.md."""

from __future__ import annotations

from tests.conformance.render import BEGIN, END, FAILS, HOLDS, PAGE, table, write
from tests.conformance.rows import ROWS


def test_every_row_is_listed_with_its_state():
    text = table({"predict": HOLDS, "classify": FAILS})
    lines = {
        row.id: [line for line in text.splitlines() if f"| `{row.id}`" in line] for row in ROWS
    }
    assert all(len(found) == 1 for found in lines.values())
    assert lines["predict"][0].endswith("| holds |")
    assert lines["classify"][0].endswith("| **fails** |")
    assert lines["regress"][0].endswith("| not run |")
    assert "no port is open" in lines["labels-not-ready"][0]
    assert text.startswith("1 of ")


def test_the_rest_of_the_page_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nstale rows\n{END}\nafter\n")
    write({"predict": HOLDS, "classify": FAILS}, page)
    write({"classify": HOLDS}, page)
    text = page.read_text()
    assert "\n2 of " in text  # What was not run again keeps its state.
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "stale rows" not in text


def test_the_page_has_the_table_of_these_rows():
    text = PAGE.read_text(encoding="utf-8")
    listed = text.partition(BEGIN)[2].partition(END)[0]
    assert [row.id for row in ROWS if f"| `{row.id}`" not in listed] == []
